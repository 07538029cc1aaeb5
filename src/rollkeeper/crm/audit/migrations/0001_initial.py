"""The change log, partitioned by year: a year is taken off by `DROP TABLE record_change_2026`.

What falls in no year that has a partition is kept in `record_change_other`. The database's primary key has the
partition key in it, as PostgreSQL requires; `id` is unique by its sequence.
"""

import django.db.models.functions.datetime
from django.db import migrations, models

YEARS = range(2026, 2046)

CREATE = """
CREATE TABLE record_change (
    id bigserial,
    subject_kind text COLLATE "C" NOT NULL,
    subject_key text COLLATE "C" NOT NULL,
    part text NOT NULL,
    action text NOT NULL,
    changes jsonb NOT NULL,
    version integer CHECK (version >= 0),
    author text NOT NULL,
    origin text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    PRIMARY KEY (id, changed_at)
) PARTITION BY RANGE (changed_at);
CREATE INDEX record_change_subject ON record_change (subject_kind, subject_key, id);
CREATE TABLE record_change_other PARTITION OF record_change DEFAULT;
"""
A_YEAR = """
CREATE TABLE record_change_{year} PARTITION OF record_change
FOR VALUES FROM ('{year}-01-01 00:00+00') TO ('{next}-01-01 00:00+00')
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = []

    operations = [
        migrations.SeparateDatabaseAndState(
            [
                migrations.RunSQL(CREATE, "DROP TABLE record_change"),
                *(
                    migrations.RunSQL(A_YEAR.format(year=year, next=year + 1), migrations.RunSQL.noop)
                    for year in YEARS
                ),
            ],
            [
                migrations.CreateModel(
                    name="RecordChange",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        ("subject_kind", models.TextField(db_collation="C", help_text="constituent, marketing_list, …")),
                        ("subject_key", models.TextField(db_collation="C", help_text="What names the record within its kind.")),
                        ("part", models.TextField(default="", help_text="Which part of it, in words: a gift, an address. Empty: itself.")),
                        ("action", models.TextField(choices=[("created", "Created"), ("changed", "Changed"), ("removed", "Removed")], default="changed")),
                        ("changes", models.JSONField(default=list, help_text="[field, old, new] each; null where there is none.")),
                        ("version", models.PositiveIntegerField(help_text="The record's version after the change, if it has one.", null=True)),
                        ("author", models.TextField()),
                        ("origin", models.TextField(help_text="From where: page, import, command, marketing site.")),
                        ("changed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ],
                    options={
                        "db_table": "record_change",
                        "indexes": [models.Index(fields=["subject_kind", "subject_key", "id"], name="record_change_subject")],
                    },
                ),
            ],
        ),
    ]
