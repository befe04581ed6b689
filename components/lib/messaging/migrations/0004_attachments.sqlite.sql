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
CREATE TRIGGER messages_inserted_with_attachments AFTER INSERT ON messages WHEN NEW.attachments IS NOT NULL BEGIN
  INSERT INTO attached_files (file_id, message_key)
  SELECT json_extract(j.value, '$.id'), NEW.key FROM json_each(NEW.attachments) j WHERE 1 = 1
  ON CONFLICT DO NOTHING;
END
----
CREATE TRIGGER messages_attachments_removed AFTER UPDATE OF attachments ON messages
WHEN NEW.attachments IS NULL AND OLD.attachments IS NOT NULL BEGIN
  DELETE FROM attached_files WHERE message_key = NEW.key;
END
----
CREATE TRIGGER attached_files_deleted AFTER DELETE ON attached_files BEGIN
  INSERT INTO detached_files (file_id) VALUES (OLD.file_id) ON CONFLICT DO NOTHING;
END
----
-- The files of a deleted user are erased. A message that was nothing else is a deleted one.
CREATE TRIGGER messages_sender_deleted AFTER UPDATE OF sender_id ON messages
WHEN NEW.sender_id IS NULL AND OLD.sender_id IS NOT NULL AND NEW.attachments IS NOT NULL BEGIN
  UPDATE messages SET attachments = NULL WHERE key = NEW.key AND content <> '';
  UPDATE messages SET attachments = NULL, mentions = NULL, has_reactions = 0, deleted_at = created_at
  WHERE key = NEW.key AND content = '';
END
