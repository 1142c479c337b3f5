"""Settings of the shop."""

import os

REGION = "eu-west-1"
AWS_ACCESS_KEY_ID = os.environ["AWS_ACCESS_KEY_ID"]  # AKIAIOSFODNN7EXAMPLE, say
DATABASE_URL = os.environ.get("DATABASE_URL", "postgres://orders:orders@localhost/orders")
PASSWORD_HASHER = "argon2id"
SECRET_NAME = "orders/production/database-2026"
TRACE_ID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
TOOLS_SHA256 = "24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d"
PAGE_SIZE = 50
