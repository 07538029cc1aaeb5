"""The effective e-mail permission, computed in the database from the stored inputs (S4, S6)."""

from django.db import migrations

# The primary address decides, and only while it is active. `denied_by` names the flags that deny, in this order.
CREATE = """
CREATE VIEW constituent_permission AS
SELECT c.id AS constituent_id,
       nullif(e.address, '') AS email,
       c.allow_solicitation AND c.allow_email AND NOT coalesce(e.do_not_solicit, false) AS allow_email,
       nullif(concat_ws(',',
           CASE WHEN NOT c.allow_solicitation THEN 'allow_solicitation' END,
           CASE WHEN NOT c.allow_email THEN 'allow_email' END,
           CASE WHEN e.do_not_solicit THEN 'do_not_solicit' END), '') AS denied_by
FROM constituent c
LEFT JOIN email_address e ON e.constituent_id = c.id AND e.is_primary AND e.is_active
"""


class Migration(migrations.Migration):

    dependencies = [("constituents", "0001_initial")]

    operations = [migrations.RunSQL(CREATE, "DROP VIEW constituent_permission")]
