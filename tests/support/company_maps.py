"""Configuration, data maps and tables of the made-up company of ``company``; as a team would write them."""

from __future__ import annotations

from typing import Final

EXPUNGE_TOML: Final = """version = 1

[policy]
version = "2026-01"
controllers = ["quill-example"]
join_domains = [["crm", "events"], ["crm", "logs"]]

[limits]
retry_first_seconds = 1

[systems.crm]
connector = "sql"
map = "maps/crm.toml"
url = "sqlite:///../stores/crm.sqlite"
lock_timeout = 2

[systems.hr]
connector = "sql"
map = "maps/hr.toml"
url = "sqlite:///../stores/hr.sqlite"
lock_timeout = 2

[systems.events]
connector = "events"
map = "maps/events.toml"
root = "../stores/events"

[systems.logs]
connector = "logs"
map = "maps/logs.toml"
root = "../stores/logs"
"""

CRM_MAP: Final = """[[record_set]]
name = "contacts"
table = "customers"
match = { email = [{ field = "email" }], customer_id = [{ field = "number" }] }
yields = { email = [{ field = "email" }], customer_id = [{ field = "number" }], phone = [{ field = "phone" }] }
erase = "anonymise"
one_per_subject = true
max_records = 5
backups_kept_days = 30
personal = ["number", "email", "phone", "name", "address"]
anonymise = { number = "{random}", email = "{random}", phone = "{null}", name = "erased", address = "{null}" }

[[record_set]]
name = "notes"
table = "notes"
parent = "contacts"
parent_on = { customer_id = "id" }
personal = ["body"]

[[record_set]]
name = "invoices"
table = "invoices"
parent = "contacts"
parent_on = { customer_id = "id" }
personal = ["billing_name", "billing_address"]

[record_set.retain]
why = "exception_17_3_b"
text = "fr-ccom-l123-22"
months = 120
anchor = "issued_on"
mask = { billing_name = "erased", billing_address = "{null}" }

[[record_set]]
name = "invoice_lines"
table = "invoice_lines"
parent = "invoices"
parent_on = { invoice_id = "id" }
erase = "with_parent"
"""

CRM_TABLES: Final = """
CREATE TABLE customers (
    id INTEGER PRIMARY KEY, number TEXT NOT NULL UNIQUE, email TEXT NOT NULL UNIQUE, phone TEXT, name TEXT NOT NULL,
    address TEXT);
CREATE TABLE notes (
    id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers(id), body TEXT NOT NULL);
CREATE TABLE invoices (
    id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers(id), issued_on DATE NOT NULL,
    billing_name TEXT NOT NULL, billing_address TEXT, total INTEGER NOT NULL);
CREATE TABLE invoice_lines (
    id INTEGER PRIMARY KEY, invoice_id INTEGER NOT NULL REFERENCES invoices(id), item TEXT NOT NULL);
CREATE INDEX customers_phone ON customers(phone);
CREATE INDEX notes_customer ON notes(customer_id);
CREATE INDEX invoices_customer ON invoices(customer_id);
CREATE INDEX lines_invoice ON invoice_lines(invoice_id);
"""

HR_MAP: Final = """[[record_set]]
name = "applicants"
table = "applicants"
match = { email = [{ field = "email" }] }
one_per_subject = true
personal = ["email", "name", "phone"]

[[record_set]]
name = "interviews"
table = "interviews"
parent = "applicants"
parent_on = { applicant_id = "id" }
erase = "with_parent"
personal = ["impression"]

[[record_set]]
name = "employees"
table = "employees"
match = { email = [{ field = "email" }] }
erase = "anonymise"
one_per_subject = true
personal = ["email", "name"]
anonymise = { email = "{random}", name = "erased" }
"""

HR_TABLES: Final = """
CREATE TABLE applicants (
    id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, phone TEXT);
CREATE TABLE interviews (
    id INTEGER PRIMARY KEY, applicant_id INTEGER NOT NULL REFERENCES applicants(id), impression TEXT NOT NULL);
CREATE TABLE employees (
    id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    manager_id INTEGER REFERENCES employees(id));
CREATE INDEX interviews_applicant ON interviews(applicant_id);
CREATE INDEX employees_manager ON employees(manager_id);
"""

EVENTS_MAP: Final = """[[record_set]]
name = "clicks"
files = "clicks/*"
match = { email = [{ field = "user.email", case = "lower" }], customer_id = [{ field = "user.id" }] }

[[record_set]]
name = "purchases"
files = "purchases/*.parquet"
match = { email = [{ field = "email" }], customer_id = [{ field = "customer" }] }
"""

LOGS_MAP: Final = """[[record_set]]
name = "access"
files = "access.log.*"
match = { email = [{ field = "*" }], ip = [{ field = "*" }] }

[record_set.retain]
why = "exception_17_3_b"
text = "gdpr-6-1-f-security"
months = 12
anchor = "*"
mask = { "*" = "{random}" }

[[record_set]]
name = "app"
files = "app/app.*"
format = "json"
match = { email = [{ field = "*" }], customer_id = [{ field = "customer" }] }
"""

MAPS: Final = {"crm": CRM_MAP, "hr": HR_MAP, "events": EVENTS_MAP, "logs": LOGS_MAP}
