"""What is planted in the faulty twin, and the checklist that both twins are asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Line:
    """A line of the checklist. `last` is the commit that runs; `measured` what this check measured then."""

    name: str
    kind: str
    section: Mapping[str, Any]
    last: str = ""
    measured: Mapping[str, Any] | None = None
    in_work_tree: bool = False
    has_env: bool = False


@dataclass(frozen=True)
class Planted:
    """A fault: `line` finds it, with all these words, at `where`. `at` is the text of that line, or its number."""

    id: str
    line: str
    says: tuple[str, ...]
    where: str = ""
    at: str | int = ""


_PRODUCTION = {"production": True}
LINES = (
    Line("leaks", "leaks", {"engine": "own"}, last="last"),
    Line("branch-main", "branch", {"on": "main"}),
    Line("branch-runs", "branch", {"on": "release/*", "into": "main", "up_to_date": True, "tag": "v1.1.*"}, last="runs"),
    Line("branch-signed", "branch", {"on": "release/*", "signed": True}),
    Line("branch-clean", "branch", {"on": "release/*"}, in_work_tree=True),
    Line("commits", "commits", {"style": "conventional", "max_subject": 72, "closes": r"CHG-\d+",
                                "authors": "orders.example", "merge": "refused"}, last="last"),
    Line("ticket-state", "ticket", {"pattern": r"CHG-\d+", "url": "@@loopback@@/tickets/$TICKET", "field": "state",
                                    "allow": "Approved"}, last="last"),
    Line("ticket-named", "ticket", {"pattern": r"OPS-\d+"}, last="last"),
    Line("tests", "tests", {"report": "reports/junit.xml", "at_least": 6}),
    Line("tests-web", "tests", {"report": "reports/junit-web.xml"}),
    Line("coverage", "coverage", {"report": "reports/coverage.json", "at_least": "80%", "changed_lines": "90%"},
         last="last", measured={"percent": 81.25}),
    Line("coverage-web", "coverage", {"report": "reports/lcov.info"}),
    Line("sast", "findings", {"report": "reports/bandit.sarif"}),
    Line("lint", "findings", {"report": "reports/eslint.json"}),
    Line("vulnerable-npm", "vulnerabilities", {"report": "reports/npm-audit.json", "dated": "reports/audited-at"}),
    Line("vulnerable-pip", "vulnerabilities", {"report": "reports/pip-audit.json", "dated": "reports/audited-at"}),
    Line("licences", "licences", {"report": "reports/licences.json", "allow": ["MIT", "BSD-*", "Apache-2.0"]}),
    Line("lockfile", "lockfile", {"files": ["package-lock.json", "requirements.txt"]}),
    Line("outdated", "outdated", {"report": "reports/outdated.json"}),
    Line("sbom", "sbom", {"report": "reports/sbom.json", "at_least": 3}),
    Line("configuration", "configuration", {
        "example": ".env.example", "same": "CURRENCY", "differ": "TABLE_NAME", "same_names_as": "staging",
        "require": ["PAYMENT_KEY", "MAIL_KEY"],
        "shapes": {"MAX_ITEMS": "integer", "LOG_LEVEL": ["info", "debug"], "SUPPORT": "email", "MAIL_KEY": "/SG-.{8,}/"},
    }, has_env=True),
    Line("template", "template", {"file": "template.yaml", "lint": "off", **_PRODUCTION}),
    Line("iam", "iam", {"file": ["template.yaml", "policies/*.json"]}),
    Line("serverless", "serverless", {**_PRODUCTION, "ignore": [{"rule": "shared-role", "reason": "one role is what it makes"}]}),
    Line("terraform", "terraform", {"report": "plan.json", **_PRODUCTION}),
    Line("kubernetes", "kubernetes", {"file": "k8s/*.yaml", **_PRODUCTION}),
    Line("dockerfile", "dockerfile", {}),
    Line("compose", "compose", {}),
    Line("links", "links", {"file": "docs/**/*.md"}),
    Line("runbooks", "links", {"file": "alerts.yml", "field": "runbook_url"}),
    Line("links-given", "links", {"at": ["@@loopback@@/$STATUS_PAGE"]}, has_env=True),
    Line("custom", "custom", {"run": "python3 checks/titles.py"}),
)  # fmt: skip

TICKETS = {"CHG-1": "Approved", "CHG-3": "Approved", "CHG-4": "Approved", "CHG-101": "Approved", "CHG-102": "Approved",
           "CHG-204": "Draft"}  # fmt: skip
_SHARED = {"DATABASE_URL": "postgres://db.internal/orders", "CURRENCY": "EUR", "LOG_LEVEL": "info", "MAX_ITEMS": "50",
           "SUPPORT": "help@orders.example"}  # fmt: skip
_RIGHT = {
    "production": {**_SHARED, "API_BASE_URL": "https://api.orders.example", "CDN_URL": "https://cdn.orders.example",
                   "REDIS_URL": "redis://cache.internal:6379", "TABLE_NAME": "orders-production", "FEATURES": "receipts",
                   "SMTP_HOST": "mail.internal", "REGION": "eu-west-1", "MERCHANT": "M-2041", "STATUS_PAGE": "front"},
    "staging": {**_SHARED, "API_BASE_URL": "https://api.staging.orders.example", "CDN_URL": "https://cdn.stg.example",
                "DATABASE_URL": "postgres://db.staging/orders", "REDIS_URL": "redis://cache.staging:6379",
                "TABLE_NAME": "orders-staging", "FEATURES": "receipts,refunds"},
}  # fmt: skip
_WRONG = {
    "API_BASE_URL": "https://api.staging.orders.example", "CDN_URL": "https://$CDN_HOST/assets",
    "REDIS_URL": "redis://localhost:6379", "TABLE_NAME": "orders-staging", "SMTP_HOST": "", "REGION": "eu-west-1 ",
    "MERCHANT": "<merchant-id>", "MAX_ITEMS": "fifty", "LOG_LEVEL": "verbose", "SUPPORT": "help(at)orders.example",
    "CURRENCY": "USD", "STATUS_PAGE": "gone",
}  # fmt: skip
_LESS = {name: value for name, value in _RIGHT["production"].items() if name != "FEATURES"}
ENVIRONMENTS = {"clean": _RIGHT, "faulty": {"production": {**_LESS, **_WRONG}, "staging": _RIGHT["staging"]}}
SECRETS = {
    "clean": {"PAYMENT_KEY": "made-for-the-sample-1", "MAIL_KEY": "SG-made-for-the-sample"},
    "faulty": {"PAYMENT_KEY": "changeme", "MAIL_KEY": "made-for-the-sample-2"},
}
T, S, P, W, A = "template.yaml", "serverless.yml", "plan.json", "k8s/web.yaml", "k8s/access.yaml"
PLANTED = (
    Planted("leak-aws-key", "leaks", ("aws-access-key",), "config/settings.py", "AWS_ACCESS_KEY_ID"),
    Planted("leak-aws-secret", "leaks", ("aws-secret-key",), "config/settings.py", "AWS_SECRET_ACCESS_KEY"),
    Planted("leak-url", "leaks", ("password-in-url",), "config/settings.py", "DATABASE_URL"),
    Planted("leak-session", "leaks", ("assigned-secret",), "config/production.env", "SESSION_SECRET"),
    Planted("leak-ssh-key", "leaks", ("private-key",), "deploy/id_deploy", 1),
    Planted("leak-service-account", "leaks", ("private-key",), "deploy/gcp.json", '"private_key"'),
    Planted("leak-webhook", "leaks", ("slack-webhook",), "src/notify.js", "hooks.slack.com"),
    Planted("leak-workflow", "leaks", ("github-token",), ".github/workflows/deploy.yml", "GITHUB_TOKEN"),
    Planted("leak-document", "leaks", ("jwt",), "docs/api.md", "Bearer"),
    Planted("leak-removed", "leaks", ("stripe-key", "is gone from the files"), "shop/billing.py", 3),
    Planted("leak-on-a-branch", "leaks", ("npm-token", "is gone from the files"), "web/.npmrc", 1),
    Planted("branch-not-on", "branch-main", ("is not on `main`",)),
    Planted("branch-loses", "branch-runs", ("does not contain", "1 commits would be lost")),
    Planted("branch-conflict", "branch-runs", ("`shop/orders.py` is in conflict",), "shop/orders.py"),
    Planted("branch-behind", "branch-runs", ("lacks 1 commits of main",)),
    Planted("branch-no-tag", "branch-runs", ("no tag `v1.1.*` points at",)),
    Planted("branch-unsigned", "branch-signed", ("is not signed",), ".penstock/allowed_signers"),
    Planted("branch-dirty", "branch-clean", ("1 files are not committed", "notes.txt"), "notes.txt"),
    Planted("commit-style", "commits", ("is not in the conventional style",), "commit:stripe"),
    Planted("commit-closes", "commits", ("names nothing that it closes",), "commit:stripe"),
    Planted("commit-type", "commits", ("begins with `wip`",), "commit:stripe-gone"),
    Planted("commit-author", "commits", ("by an author of `freemail.example`",), "commit:npm-gone"),
    Planted("commit-merge", "commits", ("is a merge",), "commit:merge"),
    Planted("commit-long", "commits", ("has 83 characters",), "commit:released"),
    Planted("ticket-draft", "ticket-state", ("CHG-204 is Draft",)),
    Planted("ticket-none", "ticket-named", ("no ticket",)),
    Planted("test-failed", "tests", ("test_discount",), "tests/test_orders.py", 14),
    Planted("test-other-failed", "tests", ("test_receipt`",), "tests/test_receipts.py", 8),
    Planted("test-errored", "tests", ("test_mail",), "tests/conftest.py", 11),
    Planted("tests-too-few", "tests", ("5 tests ran, fewer than the 6",)),
    Planted("tests-all-skipped", "tests-web", ("all 1 were skipped",)),
    Planted("coverage-low", "coverage", ("less than the 80 %",)),
    Planted("coverage-dropped", "coverage", ("18.75 points less",)),
    Planted("coverage-changed", "coverage", ("less of the changed lines",)),
    Planted("coverage-line", "coverage", ("5 changed lines", "13-17"), "shop/orders.py", 13),
    Planted("coverage-line-receipts", "coverage", ("1 changed line",), "shop/receipts.py", 13),
    Planted("coverage-web", "coverage-web", ("less than the 80 %",)),
    Planted("sast-sql", "sast", ("py/sql-injection",), "shop/orders.py", 8),
    Planted("sast-logging", "sast", ("py/clear-text-logging",), "shop/receipts.py", 8),
    Planted("lint-undefined", "lint", ("no-undef", "'logger'"), "src/notify.js", 5),
    Planted("vulnerable-npm", "vulnerable-npm", ("nodemailer", "GHSA-mm7p-fcc7-pg87"), "node_modules/nodemailer"),
    Planted("vulnerable-pip", "vulnerable-pip", ("requests 2.30.0", "CVE-2023-32681")),
    Planted("licence-gpl", "licences", ("barcode-maker@1.4.0", "GPL")),
    Planted("licence-unknown", "licences", ("orders-sdk@0.2.1", "no known licence")),
    Planted("lock-range", "lockfile", ("mustache",), "package-lock.json"),
    Planted("lock-missing", "lockfile", ("left-pad",), "package-lock.json"),
    Planted("lock-unpinned", "lockfile", ("requests",), "requirements.txt"),
    Planted("outdated-major", "outdated", ("`nodemailer` is 6.9.1", "7.0.10")),
    Planted("outdated-minor", "outdated", ("`mustache` is 4.1.0", "4.2.0")),
    Planted("sbom-short", "sbom", ("1 components", "at least 3")),
    Planted("env-missing", "configuration", ("`SENTRY_DSN` is not there",), ".env.example", "SENTRY_DSN"),
    Planted("env-empty", "configuration", ("`SMTP_HOST` is empty",)),
    Planted("env-placeholder", "configuration", ("`MERCHANT` is a placeholder",)),
    Planted("env-staging", "configuration", ("`API_BASE_URL` names staging",)),
    Planted("env-localhost", "configuration", ("`REDIS_URL` names localhost",)),
    Planted("env-space", "configuration", ("`REGION` has space around",)),
    Planted("env-unfilled", "configuration", ("`CDN_URL` has a name in it that nobody filled in",)),
    Planted("env-number", "configuration", ("`MAX_ITEMS` is not a whole number",)),
    Planted("env-word", "configuration", ("`LOG_LEVEL` is not one of",)),
    Planted("env-mail", "configuration", ("`SUPPORT` is not an address",)),
    Planted("env-not-the-same", "configuration", ("`CURRENCY` is not the same",)),
    Planted("env-the-same", "configuration", ("`TABLE_NAME` is the same as in staging",)),
    Planted("env-only-there", "configuration", ("`FEATURES` is in staging and not here",)),
    Planted("secret-placeholder", "configuration", ("`PAYMENT_KEY` is a placeholder",)),
    Planted("secret-shape", "configuration", ("`MAIL_KEY` is not as",)),
    Planted("aws-secret-default", "template", ("secret-default", "DatabasePassword"), T, "  DatabasePassword:"),
    Planted("aws-cors", "template", ("open-cors", "with credentials"), T, "CorsConfiguration"),
    Planted("aws-throttling", "template", ("no-throttling",), T, "  Api:"),
    Planted("aws-logs-for-ever", "template", ("no-log-retention", "`ApiLogs`"), T, "  ApiLogs:"),
    Planted("aws-runtime", "template", ("old-runtime", "python3.8"), T, "python3.8"),
    Planted("aws-plain-secret", "template", ("plain-secret", "PAYMENT_API_KEY"), T, "PAYMENT_API_KEY"),
    Planted("aws-no-authorizer", "template", ("no-authorizer", "GET /orders"), T, "        List:"),
    Planted("aws-no-log-group", "template", ("no-log-retention", "`OrdersFunction`"), T, "  OrdersFunction:"),
    Planted("aws-timeout", "template", ("timeout-over-api", "90 s"), T, "Timeout: 90"),
    Planted("aws-public-url", "template", ("public-function-url",), T, "FunctionUrlConfig"),
    Planted("aws-permission", "template", ("public-permission",), T, "whoever likes"),
    Planted("aws-deletion", "template", ("no-deletion-protection", "OrdersTable"), T, "  OrdersTable:"),
    Planted("aws-public-acl", "template", ("public-bucket", "PublicRead"), T, "AccessControl"),
    Planted("aws-public-block", "template", ("no-public-access-block", "BlockPublicAcls"), T, "PublicAccessBlock"),
    Planted("aws-public-policy", "template", ("public-bucket", "Principal *"), T, "Sid: Anybody"),
    Planted("aws-open-port", "template", ("open-port", "port 5432"), T, "0.0.0.0/0"),
    Planted("aws-unencrypted", "template", ("unencrypted", "`Database`"), T, "StorageEncrypted"),
    Planted("aws-public-database", "template", ("public-database",), T, "PubliclyAccessible"),
    Planted("aws-no-backups", "template", ("no-backups",), T, "BackupRetentionPeriod"),
    Planted("iam-admin", "iam", ("admin-policy", "AdministratorAccess"), T, "  WorkRole:"),
    Planted("iam-wildcard-action", "iam", ("wildcard-action", "dynamodb:*"), T, "- Sid: Table"),
    Planted("iam-wildcard-resource", "iam", ("wildcard-resource", "sqs:SendMessage"), T, "- Sid: Queues"),
    Planted("iam-unknown", "iam", ("unknown-action", "s3:GetObjekt"), T, "- Sid: Misspelt"),
    Planted("iam-shared", "iam", ("shared-role", "WorkRole"), T, 42),
    Planted("iam-trust", "iam", ("wildcard-trust", "`PartnerRole`"), T, "- Sid: AnyPartner"),
    Planted("iam-cross-account", "iam", ("cross-account", "999988887777"), T, "- Sid: Auditors"),
    Planted("iam-federated", "iam", ("wildcard-trust", "every subject"), T, "- Sid: AnyRepository"),
    Planted("iam-escalation", "iam", ("escalation", "iam:PassRole"), T, "- Sid: MakesFunctions"),
    Planted("iam-exclusion", "iam", ("allow-by-exclusion", "NotAction"), T, "- Sid: AllButDelete"),
    Planted("iam-everything", "iam", ("wildcard-action", "allows *"), "policies/deploy.json", 4),
    Planted("sls-runtime", "serverless", ("old-runtime", "nodejs16.x"), S, "preview:"),
    Planted("sls-plain-secret", "serverless", ("plain-secret", "SMTP_PASSWORD"), S, "SMTP_PASSWORD"),
    Planted("sls-wildcard", "serverless", ("wildcard-action", "ses:*"), S, "- Sid: Mails"),
    Planted("sls-no-authorizer", "serverless", ("no-authorizer", "preview"), S, "- httpApi"),
    Planted("sls-timeout", "serverless", ("timeout-over-api", "120 s"), S, "timeout: 120"),
    Planted("sls-cors", "serverless", ("open-cors", "with credentials"), S, "- http:"),
    Planted("sls-public-url", "serverless", ("public-function-url",), S, "url: true"),
    Planted("sls-deletion", "serverless", ("no-deletion-protection", "MailsTable"), S, "MailsTable:"),
    Planted("tf-open-port", "terraform", ("open-port", "aws_security_group.admin"), P),
    Planted("tf-unencrypted", "terraform", ("unencrypted", "aws_ebs_volume.scratch"), P),
    Planted("tf-wildcard", "terraform", ("wildcard-action", "s3:*"), P),
    Planted("tf-replaced", "terraform", ("destroys-data", "replaces `aws_s3_bucket.exports`"), P),
    Planted("tf-destroyed", "terraform", ("destroys-data", "destroys `aws_db_instance.orders`"), P),
    Planted("tf-public-block", "terraform", ("no-public-access-block", "aws_s3_bucket.exports"), P),
    Planted("k8s-one-replica", "kubernetes", ("one-replica",), W, "replicas: 1"),
    Planted("k8s-no-budget", "kubernetes", ("no-disruption-budget",), W, 1),
    Planted("k8s-host-network", "kubernetes", ("[host]", "hostNetwork"), W, "hostNetwork"),
    Planted("k8s-no-limits", "kubernetes", ("no-limits", "Deployment/web"), W, "- name: web"),
    Planted("k8s-no-probe", "kubernetes", ("no-probe", "readinessProbe"), W, "- name: web"),
    Planted("k8s-latest", "kubernetes", ("image-tag", "latest"), W, "web:latest"),
    Planted("k8s-plain-secret", "kubernetes", ("plain-secret", "STRIPE_SECRET"), W, "STRIPE_SECRET"),
    Planted("k8s-privileged", "kubernetes", ("privileged",), W, "securityContext:"),
    Planted("k8s-root", "kubernetes", ("run-as-root", "runAsUser: 0"), W, "securityContext:"),
    Planted("k8s-capabilities", "kubernetes", ("capabilities", "NET_ADMIN"), W, "securityContext:"),
    Planted("k8s-host-path", "kubernetes", ("host-path", "/var/run"), W, "- name: host"),
    Planted("k8s-selector", "kubernetes", ("selector", "Service/web selects no pod"), W, "selector: {app: website}"),
    Planted("k8s-no-tls", "kubernetes", ("no-tls",), W, 38),
    Planted("k8s-secret", "kubernetes", ("secret-in-manifest",), A, 1),
    Planted("k8s-config-secret", "kubernetes", ("plain-secret", "SMTP_PASSWORD"), A, "SMTP_PASSWORD"),
    Planted("k8s-wildcard-role", "kubernetes", ("wildcard-role",), A, '- apiGroups: ["*"]'),
    Planted("k8s-admin", "kubernetes", ("cluster-admin",), A, "cluster-admin"),
    Planted("k8s-old-api", "kubernetes", ("old-api", "batch/v1beta1"), A, "apiVersion: batch/v1beta1"),
    Planted("docker-latest", "dockerfile", ("base-tag", "python:latest"), "Dockerfile", "FROM"),
    Planted("docker-env", "dockerfile", ("[secret]", "DATABASE_PASSWORD"), "Dockerfile", "ENV"),
    Planted("docker-add", "dockerfile", ("add-from-net",), "Dockerfile", "ADD"),
    Planted("docker-pipe", "dockerfile", ("pipe-to-shell",), "Dockerfile", "curl"),
    Planted("docker-apt", "dockerfile", ("apt-lists",), "Dockerfile", "apt-get"),
    Planted("docker-dotenv", "dockerfile", ("[secret]", "a file that holds secrets"), "Dockerfile", "COPY .env"),
    Planted("docker-copy-early", "dockerfile", ("copy-before-install",), "Dockerfile", "COPY . ."),
    Planted("docker-chmod", "dockerfile", ("chmod-777",), "Dockerfile", "chmod"),
    Planted("docker-root", "dockerfile", ("[root]",), "Dockerfile", "USER"),
    Planted("docker-health", "dockerfile", ("no-healthcheck",), "Dockerfile", 1),
    Planted("compose-privileged", "compose", ("[privileged]", "`web`"), "compose.yaml", "privileged"),
    Planted("compose-secret", "compose", ("plain-secret", "DATABASE_URL"), "compose.yaml", "DATABASE_URL"),
    Planted("compose-tag", "compose", ("image-tag", "`db`"), "compose.yaml", "image: postgres"),
    Planted("compose-host", "compose", ("[host]", "network_mode"), "compose.yaml", "network_mode"),
    Planted("compose-capabilities", "compose", ("capabilities", "SYS_ADMIN"), "compose.yaml", "cap_add"),
    Planted("compose-socket", "compose", ("docker-socket", "`watcher`"), "compose.yaml", "docker.sock"),
    Planted("compose-host-path", "compose", ("host-path", "/etc"), "compose.yaml", "- type: bind"),
    Planted("compose-restart", "compose", ("no-restart", "`backup`"), "compose.yaml", "image: restic"),
    Planted("link-to-no-file", "links", ("incidents/2026.md leads to no file",), "docs/api.md", "incidents/2026.md"),
    Planted("link-to-no-picture", "links", ("pictures/parts.svg leads to no file",), "docs/api.md", "parts.svg"),
    Planted("link-gone", "links", ("/gone answered 404",), "docs/api.md", "/gone"),
    Planted("link-defined", "links", ("/moved-for-ever answered 404",), "docs/run.md", "[manual]"),
    Planted("runbook-gone", "runbooks", ("/runbooks/orders-errors answered 404",), "alerts.yml", "orders-errors"),
    Planted("status-page-gone", "links-given", ("/gone answered 404",)),
    Planted("custom-title", "custom", ("docs/faq.md has no title",), "docs/faq.md", 1),
)
