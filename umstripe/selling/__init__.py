"""What members buy and do with it, and what an administrator answers: between the pages and Stripe.

`checkout` is the way there, `receipt` an order after it; `standing` how a membership stands and what its member may do, `billing` what the
Billing tab shows of it; `change`, `switch` and `portal` are the ways to change it; `approvals` and `claims` are answers
that a payment waits for.
"""
