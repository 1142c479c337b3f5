"""Settings of the shop."""

import os

REGION = "eu-west-1"
AWS_ACCESS_KEY_ID = "@@aws-access-key@@"
AWS_SECRET_ACCESS_KEY = "@@aws-secret-key@@"
DATABASE_URL = os.environ.get("DATABASE_URL", "postgres://orders:@@password@@@db.orders-shop.net/orders")
PAGE_SIZE = 50
