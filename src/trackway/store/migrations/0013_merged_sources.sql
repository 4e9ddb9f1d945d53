-- What was merged stays on the disk, inactive, for three minutes: the loader reads each merged part within that time, and
-- one that is not whole gives way to its sources (`loader.sweep`). The embedded engine would let go of them at once.
ALTER TABLE events MODIFY SETTING old_parts_lifetime = 180;
ALTER TABLE event_keys MODIFY SETTING old_parts_lifetime = 180;
ALTER TABLE rejected_records MODIFY SETTING old_parts_lifetime = 180;
ALTER TABLE loads MODIFY SETTING old_parts_lifetime = 180;
ALTER TABLE profiles MODIFY SETTING old_parts_lifetime = 180;
ALTER TABLE identity_links MODIFY SETTING old_parts_lifetime = 180;
ALTER TABLE identity_refusals MODIFY SETTING old_parts_lifetime = 180;
