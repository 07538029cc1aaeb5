"""A run has one result a list: a run that is performed again after a crash cannot count a list twice."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("jobs", "0001_initial"), ("lists", "0001_initial")]

    operations = [
        migrations.AddConstraint(
            model_name="joblistresult",
            constraint=models.UniqueConstraint(fields=["run", "list"], name="job_list_result_once"),
        ),
    ]
