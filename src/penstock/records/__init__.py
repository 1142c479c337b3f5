"""What we remember: releases, orders, events, revisions, evidence, and the audit log.

Records say what is true now and what was asked. The standard library's sqlite3 only: `status`, `abort` and `approve`
must answer at once, and must work while the engine cannot.
"""
