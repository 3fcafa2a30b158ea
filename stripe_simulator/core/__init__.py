"""What every other room stands on: the store, objects, errors, keys and Stripe's document."""
