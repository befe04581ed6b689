-- The words of messages, with the ids of channel and thread as words of their own, so that a search does not
-- visit messages that the user may not read.
CREATE VIRTUAL TABLE message_words USING fts5 (
  words, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 0"
)
----
-- The key up to which messages are in `message_words`. One row.
CREATE TABLE message_words_position (indexed INTEGER NOT NULL) STRICT
----
INSERT INTO message_words_position (indexed) VALUES (0)
----
CREATE TRIGGER message_words_position_updated AFTER UPDATE ON message_words_position BEGIN
  INSERT INTO message_words (rowid, words)
  SELECT key, content || ' c' || replace(channel_id, '-', '') || ' t' || replace(thread_id, '-', '')
  FROM messages WHERE key > OLD.indexed AND key <= NEW.indexed AND deleted_at IS NULL;
END
----
-- Adding words one message at a time would double the cost of posting. So they are added in steps: by every
-- 256th message, at most 1,024 then, and by a search, for what is missing.
CREATE TRIGGER messages_words_due AFTER INSERT ON messages WHEN NEW.key % 256 = 0 BEGIN
  UPDATE message_words_position SET indexed = min(NEW.key, indexed + 1024) WHERE indexed < NEW.key;
END
----
CREATE TRIGGER messages_words_edited AFTER UPDATE OF content ON messages
WHEN NEW.deleted_at IS NULL AND NEW.key <= (SELECT indexed FROM message_words_position) BEGIN
  INSERT OR REPLACE INTO message_words (rowid, words) VALUES (NEW.key,
    NEW.content || ' c' || replace(NEW.channel_id, '-', '') || ' t' || replace(NEW.thread_id, '-', ''));
END
----
CREATE TRIGGER messages_words_deleted AFTER UPDATE OF deleted_at ON messages
WHEN NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL
  AND NEW.key <= (SELECT indexed FROM message_words_position) BEGIN
  DELETE FROM message_words WHERE rowid = NEW.key;
END
----
CREATE TRIGGER messages_words_gone AFTER DELETE ON messages
WHEN OLD.deleted_at IS NULL AND OLD.key <= (SELECT indexed FROM message_words_position) BEGIN
  DELETE FROM message_words WHERE rowid = OLD.key;
END
----
CREATE VIRTUAL TABLE channel_words USING fts5 (
  words, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 0"
)
----
INSERT INTO channel_words (rowid, words) SELECT key, name || ' ' || coalesce(description, '') FROM channels
----
CREATE TRIGGER channels_words_inserted AFTER INSERT ON channels BEGIN
  INSERT INTO channel_words (rowid, words) VALUES (NEW.key, NEW.name || ' ' || coalesce(NEW.description, ''));
END
----
CREATE TRIGGER channels_words_updated AFTER UPDATE OF name, description ON channels BEGIN
  INSERT OR REPLACE INTO channel_words (rowid, words)
  VALUES (NEW.key, NEW.name || ' ' || coalesce(NEW.description, ''));
END
----
CREATE TRIGGER channels_words_deleted AFTER DELETE ON channels BEGIN
  DELETE FROM channel_words WHERE rowid = OLD.key;
END
----
CREATE VIRTUAL TABLE user_words USING fts5 (
  words, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 0"
)
----
INSERT INTO user_words (rowid, words) SELECT key, name || ' ' || coalesce(display_name, '') FROM users
----
CREATE TRIGGER users_words_inserted AFTER INSERT ON users BEGIN
  INSERT INTO user_words (rowid, words) VALUES (NEW.key, NEW.name || ' ' || coalesce(NEW.display_name, ''));
END
----
CREATE TRIGGER users_words_updated AFTER UPDATE OF name, display_name ON users BEGIN
  INSERT OR REPLACE INTO user_words (rowid, words)
  VALUES (NEW.key, NEW.name || ' ' || coalesce(NEW.display_name, ''));
END
----
CREATE TRIGGER users_words_deleted AFTER DELETE ON users BEGIN
  DELETE FROM user_words WHERE rowid = OLD.key;
END
