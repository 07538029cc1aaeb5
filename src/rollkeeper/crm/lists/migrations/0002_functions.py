"""Functions that list rules are written with.

- `fold_case`: text for comparison without regard to upper and lower case, in every script, whatever the
  locale of the database is. It takes the best Unicode collation that the server has. Upper before lower: so
  the two small sigmas are one.
- `number_or_null`, `date_or_null`: an attribute's text as a number or an ISO date; null where it is none.
"""

from django.db import migrations

FOLD_CASE = r"""
DO $do$
DECLARE
    chosen text;
BEGIN
    SELECT quote_ident(collname) INTO chosen FROM pg_collation
    WHERE collname IN ('pg_c_utf8', 'C.utf8', 'C.UTF-8', 'und-x-icu')
      AND collnamespace = 'pg_catalog'::regnamespace
      AND collencoding IN (-1, pg_char_to_encoding('UTF8'))
    ORDER BY array_position(ARRAY['pg_c_utf8', 'C.utf8', 'C.UTF-8', 'und-x-icu'], collname::text) LIMIT 1;
    EXECUTE format(
        'CREATE FUNCTION fold_case(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN lower(upper($1%s))',
        CASE WHEN chosen IS NULL THEN '' ELSE ' COLLATE pg_catalog.' || chosen END);
END $do$
"""

NUMBER_OR_NULL = r"""
CREATE FUNCTION number_or_null(text) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN $1 ~ '^[+-]?[0-9]{1,40}([.][0-9]{1,40})?$' THEN $1::numeric END
"""

DATE_OR_NULL = r"""
CREATE FUNCTION date_or_null(text) RETURNS date LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF $1 ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' THEN
        RETURN make_date(substr($1, 1, 4)::int, substr($1, 6, 2)::int, substr($1, 9, 2)::int);
    END IF;
    RETURN NULL;
EXCEPTION WHEN datetime_field_overflow THEN
    RETURN NULL;
END $$
"""


class Migration(migrations.Migration):

    dependencies = [("lists", "0001_initial")]

    operations = [
        migrations.RunSQL(FOLD_CASE, "DROP FUNCTION fold_case(text)"),
        migrations.RunSQL(NUMBER_OR_NULL, "DROP FUNCTION number_or_null(text)"),
        migrations.RunSQL(DATE_OR_NULL, "DROP FUNCTION date_or_null(text)"),
    ]
