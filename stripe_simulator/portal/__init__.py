"""The customer portal and the hosted invoice pages."""
