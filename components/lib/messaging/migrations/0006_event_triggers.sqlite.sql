INSERT INTO event_epoch (epoch) VALUES (lower(hex(randomblob(6))))
----
-- Takes the next number of the stream, in the transaction of the change.
CREATE VIEW new_events AS SELECT stream, kind, channel_id, thread_id, subject, actor, detail FROM events
----
CREATE TRIGGER events_added INSTEAD OF INSERT ON new_events BEGIN
  INSERT INTO event_streams (stream, number) VALUES (NEW.stream, 1)
  ON CONFLICT (stream) DO UPDATE SET number = number + 1;
  INSERT INTO events (stream, number, kind, channel_id, thread_id, previous, subject, actor, detail, created_at)
  SELECT NEW.stream, s.number, NEW.kind, NEW.channel_id, NEW.thread_id,
    CASE WHEN NEW.thread_id IS NULL THEN s.number - 1 ELSE coalesce((
      SELECT max(e.number) FROM events e WHERE e.stream = NEW.stream AND e.thread_id = NEW.thread_id), 0) END,
    NEW.subject, NEW.actor, NEW.detail, CAST(unixepoch('subsec') * 1000 AS INTEGER)
  FROM event_streams s WHERE s.stream = NEW.stream;
END
----
CREATE TRIGGER events_of_messages_inserted AFTER INSERT ON messages BEGIN
  INSERT INTO new_events VALUES (NEW.channel_id, 'message', NEW.channel_id, NEW.thread_id, NEW.id, NEW.sender_id, NULL);
END
----
CREATE TRIGGER events_of_messages_edited AFTER UPDATE OF content ON messages WHEN NEW.deleted_at IS NULL BEGIN
  INSERT INTO new_events VALUES (NEW.channel_id, 'edit', NEW.channel_id, NEW.thread_id, NEW.id, NEW.sender_id, NULL);
END
----
CREATE TRIGGER events_of_messages_deleted AFTER UPDATE OF deleted_at ON messages
WHEN NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL BEGIN
  INSERT INTO new_events VALUES (NEW.channel_id, 'deletion', NEW.channel_id, NEW.thread_id, NEW.id, NULL,
    json_object('number', NEW.number));
END
----
CREATE TRIGGER events_of_reactions_inserted AFTER INSERT ON reactions BEGIN
  INSERT INTO new_events SELECT m.channel_id, 'reaction', m.channel_id, m.thread_id, m.id, NEW.user_id,
    json_object('emoji', NEW.emoji, 'action', 'added')
  FROM messages m WHERE m.key = NEW.message_key;
END
----
CREATE TRIGGER events_of_reactions_deleted AFTER DELETE ON reactions BEGIN
  INSERT INTO new_events SELECT m.channel_id, 'reaction', m.channel_id, m.thread_id, m.id, OLD.user_id,
    json_object('emoji', OLD.emoji, 'action', 'removed')
  FROM messages m WHERE m.key = OLD.message_key AND m.deleted_at IS NULL;
END
----
CREATE TRIGGER events_of_mentions AFTER INSERT ON mentions BEGIN
  INSERT INTO new_events SELECT NEW.user_id, 'mention', NEW.channel_id, NULL, m.id, m.sender_id, NULL
  FROM messages m WHERE m.thread_id = NEW.thread_id AND m.number = NEW.number;
END
----
CREATE TRIGGER events_of_reads_inserted AFTER INSERT ON reads WHEN NEW.marked_at IS NOT NULL BEGIN
  INSERT INTO new_events SELECT NEW.user_id, 'read', t.channel_id, NULL, NULL, NEW.user_id,
    json_object('threadId', NEW.thread_id, 'number', NEW.number)
  FROM threads t WHERE t.id = NEW.thread_id;
END
----
CREATE TRIGGER events_of_reads_updated AFTER UPDATE OF marked_at ON reads WHEN NEW.number > OLD.number BEGIN
  INSERT INTO new_events SELECT NEW.user_id, 'read', t.channel_id, NULL, NULL, NEW.user_id,
    json_object('threadId', NEW.thread_id, 'number', NEW.number)
  FROM threads t WHERE t.id = NEW.thread_id;
END
----
CREATE TRIGGER events_of_members_inserted AFTER INSERT ON members WHEN NEW.rank > 0 BEGIN
  DELETE FROM removals WHERE channel_id = NEW.channel_id AND user_id = NEW.user_id;
  INSERT INTO new_events VALUES (NEW.channel_id, 'member-added', NEW.channel_id, NULL, NEW.user_id, NULL,
    json_object('role', CASE NEW.rank WHEN 1 THEN 'member' WHEN 2 THEN 'moderator' ELSE 'admin' END));
  INSERT INTO new_events VALUES (NEW.user_id, 'member-added', NEW.channel_id, NULL, NEW.user_id, NULL,
    json_object('role', CASE NEW.rank WHEN 1 THEN 'member' WHEN 2 THEN 'moderator' ELSE 'admin' END));
END
----
CREATE TRIGGER events_of_members_ranked AFTER UPDATE OF rank ON members
WHEN NEW.rank > 0 AND OLD.rank > 0 AND NEW.rank <> OLD.rank BEGIN
  INSERT INTO new_events VALUES (NEW.channel_id, 'member-role', NEW.channel_id, NULL, NEW.user_id, NULL,
    json_object('role', CASE NEW.rank WHEN 1 THEN 'member' WHEN 2 THEN 'moderator' ELSE 'admin' END));
  INSERT INTO new_events VALUES (NEW.user_id, 'member-role', NEW.channel_id, NULL, NEW.user_id, NULL,
    json_object('role', CASE NEW.rank WHEN 1 THEN 'member' WHEN 2 THEN 'moderator' ELSE 'admin' END));
END
----
CREATE TRIGGER events_of_members_banned AFTER UPDATE OF rank ON members WHEN NEW.rank = 0 AND OLD.rank > 0 BEGIN
  INSERT INTO removals (channel_id, user_id, removed_at)
  VALUES (NEW.channel_id, NEW.user_id, CAST(unixepoch('subsec') * 1000 AS INTEGER))
  ON CONFLICT (channel_id, user_id) DO UPDATE SET removed_at = excluded.removed_at;
  INSERT INTO new_events VALUES (NEW.channel_id, 'member-removed', NEW.channel_id, NULL, NEW.user_id, NULL,
    json_object('banned', json('true')));
  INSERT INTO new_events VALUES (NEW.user_id, 'member-removed', NEW.channel_id, NULL, NEW.user_id, NULL,
    json_object('banned', json('true')));
END
----
CREATE TRIGGER events_of_members_deleted AFTER DELETE ON members WHEN OLD.rank > 0 BEGIN
  INSERT INTO removals (channel_id, user_id, removed_at)
  SELECT c.id, OLD.user_id, CAST(unixepoch('subsec') * 1000 AS INTEGER) FROM channels c WHERE c.id = OLD.channel_id
  ON CONFLICT (channel_id, user_id) DO UPDATE SET removed_at = excluded.removed_at;
  INSERT INTO new_events SELECT c.id, 'member-removed', c.id, NULL, OLD.user_id, NULL,
    json_object('banned', json('false'))
  FROM channels c WHERE c.id = OLD.channel_id;
  INSERT INTO new_events VALUES (OLD.user_id,
    CASE WHEN EXISTS (SELECT 1 FROM channels c WHERE c.id = OLD.channel_id) THEN 'member-removed'
      ELSE 'channel-deleted' END,
    OLD.channel_id, NULL, OLD.user_id, NULL, NULL);
END
----
CREATE TRIGGER events_of_channels_updated AFTER UPDATE OF updated_at ON channels BEGIN
  INSERT INTO new_events VALUES (NEW.id, 'channel-updated', NEW.id, NULL, NULL, NULL,
    json_object('name', NEW.name, 'isPrivate', json(CASE NEW.is_private WHEN 1 THEN 'true' ELSE 'false' END)));
END
----
CREATE TRIGGER events_of_channels_deleted AFTER DELETE ON channels BEGIN
  DELETE FROM events WHERE stream = OLD.id;
  DELETE FROM event_streams WHERE stream = OLD.id;
  DELETE FROM removals WHERE channel_id = OLD.id;
END
----
CREATE TRIGGER events_of_threads_inserted AFTER INSERT ON threads BEGIN
  INSERT INTO new_events VALUES (NEW.channel_id, 'thread-created', NEW.channel_id, NEW.id, NULL, NEW.created_by,
    json_object('name', NEW.name));
END
----
CREATE TRIGGER events_of_threads_updated AFTER UPDATE OF updated_at ON threads BEGIN
  INSERT INTO new_events VALUES (NEW.channel_id, 'thread-updated', NEW.channel_id, NEW.id, NULL, NULL,
    json_object('name', NEW.name, 'isArchived', json(CASE NEW.is_archived WHEN 1 THEN 'true' ELSE 'false' END)));
END
----
CREATE TRIGGER events_of_threads_deleted AFTER DELETE ON threads BEGIN
  INSERT INTO new_events SELECT c.id, 'thread-deleted', c.id, OLD.id, NULL, NULL, NULL
  FROM channels c WHERE c.id = OLD.channel_id;
END
----
CREATE TRIGGER events_of_users_deleted AFTER DELETE ON users BEGIN
  DELETE FROM events WHERE stream = OLD.id;
  DELETE FROM event_streams WHERE stream = OLD.id;
  DELETE FROM removals WHERE user_id = OLD.id;
  DELETE FROM presence WHERE user_id = OLD.id;
  DELETE FROM connections WHERE user_id = OLD.id;
  DELETE FROM socket_tickets WHERE user_id = OLD.id;
END
