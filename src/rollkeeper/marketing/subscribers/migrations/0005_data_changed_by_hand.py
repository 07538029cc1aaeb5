"""What the CRM says of a subscriber, changed by anything but a sync, is noticed by the next sync (B1).

A sync that writes a subscriber's data writes its hash with it. Where data changes and the hash does not, the
statement was somebody's: the hash is made one that none has, here and in the memberships, and the fingerprint kept of
the groups is declared void, so that the next sync of each finds the row, repairs it from the CRM and says so.

The condition is looked at row by row and calls nothing: for a sync's own updates it ends at the first comparison.
"""

from django.db import migrations

COLUMNS = (
    "master_customer_id", "sub_customer_id", "email", "first_name", "last_name", "allow_email", "denied_by",
    "address_valid", *(f"f{number}" for number in range(1, 101)),
)  # fmt: skip
OLD, NEW = (", ".join(f"{row}.{name}" for name in COLUMNS) for row in ("OLD", "NEW"))

MAKE = f"""
CREATE FUNCTION void_subscriber_changed_by_hand() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.hash_hi := 0;
    NEW.hash_lo := 0;
    UPDATE target_group SET fingerprint = repeat('f', 32)
        WHERE id IN (SELECT group_id FROM group_member WHERE subscriber_id = NEW.id);
    UPDATE group_member SET hash_hi = 0, hash_lo = 0 WHERE subscriber_id = NEW.id;
    RETURN NEW;
END $$;
CREATE TRIGGER void_subscriber_changed_by_hand BEFORE UPDATE ON subscriber FOR EACH ROW
    WHEN (OLD.hash_hi = NEW.hash_hi AND OLD.hash_lo = NEW.hash_lo AND ROW({OLD}) IS DISTINCT FROM ROW({NEW}))
    EXECUTE FUNCTION void_subscriber_changed_by_hand();
"""
DROP = """
DROP TRIGGER void_subscriber_changed_by_hand ON subscriber;
DROP FUNCTION void_subscriber_changed_by_hand();
"""


class Migration(migrations.Migration):

    dependencies = [("subscribers", "0004_room_on_pages"), ("target_groups", "0004_proof")]

    operations = [migrations.RunSQL(MAKE, DROP)]
