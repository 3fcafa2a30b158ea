"""The nouns: what is stored, and the verbs of the field on it. They never know of requests or pages."""

from umstripe.models.activity import Activity
from umstripe.models.connection import Connection
from umstripe.models.customer import Customer
from umstripe.models.delivery import Delivery, Refusal
from umstripe.models.difference import Difference
from umstripe.models.dispute import Dispute
from umstripe.models.heartbeat import WorkerHeartbeat
from umstripe.models.job import Job
from umstripe.models.login_session import LoginSession
from umstripe.models.mail import Mail
from umstripe.models.plan import Plan
from umstripe.models.plan_role import PlanRole
from umstripe.models.portal_configuration import PortalConfiguration
from umstripe.models.price import Price, Product
from umstripe.models.purchase import Purchase
from umstripe.models.rate_limit import RateLimit
from umstripe.models.role import Role
from umstripe.models.settings import Settings
from umstripe.models.subscription import Subscription
from umstripe.models.text_override import TextOverride
from umstripe.models.trial_card import TrialCard
from umstripe.models.user import User, manual_roles

__all__ = [
    "Activity",
    "Connection",
    "Customer",
    "Delivery",
    "Difference",
    "Dispute",
    "Job",
    "LoginSession",
    "Mail",
    "Plan",
    "PlanRole",
    "PortalConfiguration",
    "Price",
    "Product",
    "Purchase",
    "RateLimit",
    "Refusal",
    "Role",
    "Settings",
    "Subscription",
    "TextOverride",
    "TrialCard",
    "User",
    "WorkerHeartbeat",
    "manual_roles",
]
