-- The files that messages have as attachments. `file_id` is that of a file of the sender in `goldfish:files`.
-- Attachments of earlier messages were not checked, so they are not entered.
CREATE TABLE attached_files (
  file_id TEXT NOT NULL,
  message_key INTEGER NOT NULL REFERENCES messages (key) ON DELETE CASCADE,
  PRIMARY KEY (file_id, message_key)
) STRICT, WITHOUT ROWID
----
CREATE INDEX attached_files_by_message ON attached_files (message_key)
----
-- Files whose messages are gone. They are in another store, and are deleted there by whoever finds them here.
CREATE TABLE detached_files (
  key INTEGER PRIMARY KEY,
  file_id TEXT NOT NULL UNIQUE
) STRICT
----
CREATE FUNCTION messages_inserted_with_attachments() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  INSERT INTO attached_files (file_id, message_key)
  SELECT j.attachment ->> 'id', NEW.key FROM json_array_elements(CAST(NEW.attachments AS json)) j (attachment)
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END $function$
----
CREATE TRIGGER messages_inserted_with_attachments AFTER INSERT ON messages FOR EACH ROW
WHEN (NEW.attachments IS NOT NULL) EXECUTE FUNCTION messages_inserted_with_attachments()
----
CREATE FUNCTION messages_attachments_removed() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  DELETE FROM attached_files WHERE message_key = NEW.key;
  RETURN NULL;
END $function$
----
CREATE TRIGGER messages_attachments_removed AFTER UPDATE OF attachments ON messages FOR EACH ROW
WHEN (NEW.attachments IS NULL AND OLD.attachments IS NOT NULL) EXECUTE FUNCTION messages_attachments_removed()
----
CREATE FUNCTION attached_files_deleted() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  INSERT INTO detached_files (file_id) VALUES (OLD.file_id) ON CONFLICT DO NOTHING;
  RETURN NULL;
END $function$
----
CREATE TRIGGER attached_files_deleted AFTER DELETE ON attached_files FOR EACH ROW
EXECUTE FUNCTION attached_files_deleted()
----
-- The files of a deleted user are erased. A message that was nothing else is a deleted one.
CREATE FUNCTION messages_sender_deleted() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  IF NEW.content <> '' THEN
    UPDATE messages SET attachments = NULL WHERE key = NEW.key;
  ELSE
    UPDATE messages SET attachments = NULL, mentions = NULL, has_reactions = 0, deleted_at = created_at
    WHERE key = NEW.key;
  END IF;
  RETURN NULL;
END $function$
----
CREATE TRIGGER messages_sender_deleted AFTER UPDATE OF sender_id ON messages FOR EACH ROW
WHEN (NEW.sender_id IS NULL AND OLD.sender_id IS NOT NULL AND NEW.attachments IS NOT NULL)
EXECUTE FUNCTION messages_sender_deleted()
