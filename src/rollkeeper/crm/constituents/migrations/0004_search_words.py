"""The words that CRM360 finds constituents by, kept by triggers in a table of their own.

- `search_fold`: text without regard to accents and case. Compatibility forms and accents are taken apart (NFKD), the
  marks of Latin, Greek, Cyrillic, Hebrew and Arabic are dropped, the rest is case folded; letters that Unicode does
  not take apart (ł, ø, ß …) are written as they are usually typed. No extension is needed.
- `search_terms`: the words of what was typed. `search_words`: the words of what is stored; one with an apostrophe,
  hyphen or dot inside is also there without it (O'Brien: o, brien, obrien).
- Triggers work by statement, over transition tables. Those of updates and deletions plan anew each time: a plan made
  for a whole table's rows would read all words for one.
"""

import django.db.models.deletion
from django.db import migrations, models

MARKS = r"[\u0300-\u036F\u0483-\u0487\u0591-\u05BD\u05BF-\u05C7\u0610-\u061A\u064B-\u065F\u0670\u1AB0-\u1AFF\u1DC0-\u1DFF\u20D0-\u20FF\uFE20-\uFE2F]"
# ASCII punctuation, and what stands between words or inside them elsewhere.
SIGNS = (
    r"!-/:-@\[-`\{-\u007F\u00A1-\u00BF\u00D7\u00F7\u02B9-\u02FF\u0589\u058A\u05BE\u05F3\u05F4\u060C\u061B\u061F\u066A-\u066D"
    r"\u06D4\u0964\u0965\u2000-\u206F\u20A0-\u20CF\u2190-\u2BFF\u2E00-\u2E7F\u3001-\u3003\u3008-\u3020\u30A0\u30FB\uFE30-\uFE4F"
)

FUNCTIONS = [
    (
        f"""
        CREATE FUNCTION search_fold(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
        RETURN CASE WHEN octet_length($1) = char_length($1) THEN fold_case($1)  -- ASCII, as most names are
        ELSE replace(replace(replace(replace(
            translate(
                fold_case(regexp_replace(normalize($1, NFKD) COLLATE "C", '{MARKS}+', '', 'g')) COLLATE "C",
                'łøđħŧðıĸ', 'lodhtdik'
            ), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th') END
        """,
        "DROP FUNCTION search_fold(text)",
    ),
    (
        rf"""
        CREATE FUNCTION search_terms(text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
        RETURN array_remove(regexp_split_to_array(search_fold($1) COLLATE "C", '[\s{SIGNS}]+'), '')
        """,
        "DROP FUNCTION search_terms(text)",
    ),
    (
        rf"""
        CREATE FUNCTION search_words(VARIADIC text[]) RETURNS text[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
        DECLARE
            folded text COLLATE "C" := search_fold(left(array_to_string($1, ' '), 1000));
            words text[] := regexp_split_to_array(folded, '[\s{SIGNS}]+');
        BEGIN
            IF folded ~ '[{SIGNS}]' THEN
                words := words || regexp_split_to_array(regexp_replace(folded, '[{SIGNS}]+', '', 'g'), '\s+');
            END IF;
            RETURN ARRAY(SELECT DISTINCT left(word, 100) FROM unnest(words) word WHERE word <> '');
        END $$
        """,
        "DROP FUNCTION search_words(text[])",
    ),
]

# The same as SEARCHED_COLUMNS of models.py when this was written.
COLUMNS = ("label_name", "first_name", "middle_name", "last_name", "nickname", "organization")


def words_of(row):
    return f"search_words({', '.join(f'{row}.{column}' for column in COLUMNS)})"


def values_of(row):
    return f"({', '.join(f'{row}.{column}' for column in COLUMNS)})"


FILL = f"INSERT INTO constituent_word SELECT c.id, word FROM constituent c, unnest({words_of('c')}) word"
BODIES = {
    "inserted": f"INSERT INTO constituent_word SELECT n.id, word FROM new_rows n, unnest({words_of('n')}) word",
    "updated": f"""EXECUTE $do$
        WITH changed AS (
            SELECT n.id, {words_of('n')} AS words FROM new_rows n JOIN old_rows o USING (id)
            WHERE {values_of('n')} IS DISTINCT FROM {values_of('o')}
        ), gone AS (
            DELETE FROM constituent_word w USING changed c WHERE w.constituent_id = c.id AND w.word <> ALL (c.words)
        )
        INSERT INTO constituent_word SELECT c.id, word FROM changed c, unnest(c.words) word ON CONFLICT DO NOTHING
        $do$""",
    "deleted": """EXECUTE $do$
        DELETE FROM constituent_word w USING old_rows o WHERE w.constituent_id = o.id $do$""",
    "truncated": "DELETE FROM constituent_word",  # TRUNCATE cannot: the statement at work may hold the table
}
EVENTS = {
    "inserted": "AFTER INSERT ON constituent REFERENCING NEW TABLE AS new_rows",
    "updated": "AFTER UPDATE ON constituent REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows",
    "deleted": "AFTER DELETE ON constituent REFERENCING OLD TABLE AS old_rows",
    "truncated": "AFTER TRUNCATE ON constituent",
}


def function(event):
    name = f"keep_words_{event}"
    return migrations.RunSQL(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {BODIES[event]}; RETURN NULL; END $$",
        f"DROP FUNCTION {name}()",
    )


def trigger(event):
    name = f"constituent_word_{event}"
    return migrations.RunSQL(
        f"CREATE TRIGGER {name} {EVENTS[event]} FOR EACH STATEMENT EXECUTE FUNCTION keep_words_{event}()",
        f"DROP TRIGGER {name} ON constituent",
    )


# Filled before its indexes are there: at a million constituents that is several times as fast.
CREATE = """
CREATE TABLE constituent_word (constituent_id bigint NOT NULL, word text COLLATE "C" NOT NULL)
"""
INDEX = """
ALTER TABLE constituent_word ADD PRIMARY KEY (constituent_id, word);
CREATE INDEX constituent_word_word ON constituent_word (word, constituent_id);
"""


class Migration(migrations.Migration):

    dependencies = [("constituents", "0003_search")]

    operations = [
        *(migrations.RunSQL(create, drop) for create, drop in FUNCTIONS),
        migrations.SeparateDatabaseAndState(
            [
                migrations.RunSQL(CREATE, "DROP TABLE constituent_word"),
                migrations.RunSQL(FILL, migrations.RunSQL.noop),
                migrations.RunSQL(INDEX, migrations.RunSQL.noop),
            ],
            [
                migrations.CreateModel(
                    name="ConstituentWord",
                    fields=[
                        ("pk", models.CompositePrimaryKey("constituent_id", "word", blank=True, editable=False, primary_key=True, serialize=False)),
                        ("word", models.TextField(db_collation="C")),
                        ("constituent", models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="words", to="constituents.constituent")),
                    ],
                    options={
                        "db_table": "constituent_word",
                        "indexes": [models.Index(fields=["word", "constituent"], name="constituent_word_word")],
                    },
                ),
            ],
        ),
        *(function(event) for event in BODIES),
        *(trigger(event) for event in EVENTS),
        migrations.RemoveIndex("constituent", "constituent_last_name"),
        migrations.RemoveIndex("constituent", "constituent_first_name"),
        migrations.RemoveIndex("constituent", "constituent_label_name"),
    ]
