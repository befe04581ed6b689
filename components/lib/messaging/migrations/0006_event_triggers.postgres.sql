INSERT INTO event_epoch (epoch) VALUES (substr(md5(random()::text || clock_timestamp()::text), 1, 12))
----
-- Takes the next number of the stream, in the transaction of the change.
CREATE FUNCTION add_event(of_stream text, of_kind text, of_channel text, of_thread text, of_subject text,
  of_actor text, of_detail json) RETURNS void LANGUAGE plpgsql AS $function$
DECLARE taken bigint;
BEGIN
  INSERT INTO event_streams (stream, number) VALUES (of_stream, 1)
  ON CONFLICT (stream) DO UPDATE SET number = event_streams.number + 1 RETURNING number INTO taken;
  INSERT INTO events (stream, number, kind, channel_id, thread_id, previous, subject, actor, detail, created_at)
  VALUES (of_stream, taken, of_kind, of_channel, of_thread,
    CASE WHEN of_thread IS NULL THEN taken - 1 ELSE coalesce((
      SELECT max(e.number) FROM events e WHERE e.stream = of_stream AND e.thread_id = of_thread), 0) END,
    of_subject, of_actor, CAST(of_detail AS text), CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint));
END $function$
----
CREATE FUNCTION events_of_messages() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM add_event(NEW.channel_id, 'message', NEW.channel_id, NEW.thread_id, NEW.id, NEW.sender_id, NULL);
  ELSIF NEW.deleted_at IS NULL THEN
    PERFORM add_event(NEW.channel_id, 'edit', NEW.channel_id, NEW.thread_id, NEW.id, NEW.sender_id, NULL);
  ELSIF OLD.deleted_at IS NULL THEN
    PERFORM add_event(NEW.channel_id, 'deletion', NEW.channel_id, NEW.thread_id, NEW.id, NULL,
      json_build_object('number', NEW.number));
  END IF;
  RETURN NULL;
END $function$
----
CREATE TRIGGER events_of_messages AFTER INSERT OR UPDATE OF content, deleted_at ON messages FOR EACH ROW EXECUTE FUNCTION events_of_messages()
----
CREATE FUNCTION events_of_reactions() RETURNS trigger LANGUAGE plpgsql AS $function$
DECLARE changed messages;
BEGIN
  SELECT * INTO changed FROM messages m
  WHERE m.key = CASE TG_OP WHEN 'INSERT' THEN NEW.message_key ELSE OLD.message_key END;
  IF NOT FOUND OR changed.deleted_at IS NOT NULL THEN
    RETURN NULL;
  END IF;
  IF TG_OP = 'INSERT' THEN
    PERFORM add_event(changed.channel_id, 'reaction', changed.channel_id, changed.thread_id, changed.id, NEW.user_id,
      json_build_object('emoji', NEW.emoji, 'action', 'added'));
  ELSE
    PERFORM add_event(changed.channel_id, 'reaction', changed.channel_id, changed.thread_id, changed.id, OLD.user_id,
      json_build_object('emoji', OLD.emoji, 'action', 'removed'));
  END IF;
  RETURN NULL;
END $function$
----
CREATE TRIGGER events_of_reactions AFTER INSERT OR DELETE ON reactions FOR EACH ROW EXECUTE FUNCTION events_of_reactions()
----
CREATE FUNCTION events_of_mentions() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  PERFORM add_event(NEW.user_id, 'mention', NEW.channel_id, NULL, m.id, m.sender_id, NULL)
  FROM messages m WHERE m.thread_id = NEW.thread_id AND m.number = NEW.number;
  RETURN NULL;
END $function$
----
CREATE TRIGGER events_of_mentions AFTER INSERT ON mentions FOR EACH ROW EXECUTE FUNCTION events_of_mentions()
----
CREATE FUNCTION events_of_reads() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  IF NEW.marked_at IS NULL OR TG_OP = 'UPDATE' AND NEW.number <= OLD.number THEN
    RETURN NULL;
  END IF;
  PERFORM add_event(NEW.user_id, 'read', t.channel_id, NULL, NULL, NEW.user_id,
    json_build_object('threadId', NEW.thread_id, 'number', NEW.number))
  FROM threads t WHERE t.id = NEW.thread_id;
  RETURN NULL;
END $function$
----
CREATE TRIGGER events_of_reads AFTER INSERT OR UPDATE OF marked_at ON reads FOR EACH ROW EXECUTE FUNCTION events_of_reads()
----
CREATE FUNCTION events_of_members() RETURNS trigger LANGUAGE plpgsql AS $function$
DECLARE detail json; now_ms bigint;
BEGIN
  now_ms := CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint);
  IF TG_OP = 'DELETE' THEN
    IF OLD.rank = 0 THEN
      RETURN NULL;
    END IF;
    IF EXISTS (SELECT 1 FROM channels c WHERE c.id = OLD.channel_id) THEN
      INSERT INTO removals (channel_id, user_id, removed_at) VALUES (OLD.channel_id, OLD.user_id, now_ms)
      ON CONFLICT (channel_id, user_id) DO UPDATE SET removed_at = excluded.removed_at;
      PERFORM add_event(OLD.channel_id, 'member-removed', OLD.channel_id, NULL, OLD.user_id, NULL,
        json_build_object('banned', false));
    END IF;
    -- A user who is being deleted has no stream any more.
    PERFORM add_event(u.id,
      CASE WHEN EXISTS (SELECT 1 FROM channels c WHERE c.id = OLD.channel_id) THEN 'member-removed'
        ELSE 'channel-deleted' END,
      OLD.channel_id, NULL, u.id, NULL, NULL)
    FROM users u WHERE u.id = OLD.user_id;
    RETURN NULL;
  END IF;
  detail := json_build_object('role', CASE NEW.rank WHEN 1 THEN 'member' WHEN 2 THEN 'moderator' ELSE 'admin' END);
  IF TG_OP = 'INSERT' THEN
    IF NEW.rank > 0 THEN
      DELETE FROM removals WHERE channel_id = NEW.channel_id AND user_id = NEW.user_id;
      PERFORM add_event(NEW.channel_id, 'member-added', NEW.channel_id, NULL, NEW.user_id, NULL, detail);
      PERFORM add_event(NEW.user_id, 'member-added', NEW.channel_id, NULL, NEW.user_id, NULL, detail);
    END IF;
  ELSIF NEW.rank > 0 AND OLD.rank > 0 AND NEW.rank <> OLD.rank THEN
    PERFORM add_event(NEW.channel_id, 'member-role', NEW.channel_id, NULL, NEW.user_id, NULL, detail);
    PERFORM add_event(NEW.user_id, 'member-role', NEW.channel_id, NULL, NEW.user_id, NULL, detail);
  ELSIF NEW.rank = 0 AND OLD.rank > 0 THEN
    INSERT INTO removals (channel_id, user_id, removed_at) VALUES (NEW.channel_id, NEW.user_id, now_ms)
    ON CONFLICT (channel_id, user_id) DO UPDATE SET removed_at = excluded.removed_at;
    detail := json_build_object('banned', true);
    PERFORM add_event(NEW.channel_id, 'member-removed', NEW.channel_id, NULL, NEW.user_id, NULL, detail);
    PERFORM add_event(NEW.user_id, 'member-removed', NEW.channel_id, NULL, NEW.user_id, NULL, detail);
  END IF;
  RETURN NULL;
END $function$
----
CREATE TRIGGER events_of_members AFTER INSERT OR DELETE OR UPDATE OF rank ON members FOR EACH ROW EXECUTE FUNCTION events_of_members()
----
CREATE FUNCTION events_of_channels() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    PERFORM add_event(NEW.id, 'channel-updated', NEW.id, NULL, NULL, NULL,
      json_build_object('name', NEW.name, 'isPrivate', NEW.is_private = 1));
    RETURN NULL;
  END IF;
  DELETE FROM events WHERE stream = OLD.id;
  DELETE FROM event_streams WHERE stream = OLD.id;
  DELETE FROM removals WHERE channel_id = OLD.id;
  RETURN NULL;
END $function$
----
CREATE TRIGGER events_of_channels AFTER DELETE OR UPDATE OF updated_at ON channels FOR EACH ROW EXECUTE FUNCTION events_of_channels()
----
CREATE FUNCTION events_of_threads() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM add_event(NEW.channel_id, 'thread-created', NEW.channel_id, NEW.id, NULL, NEW.created_by,
      json_build_object('name', NEW.name));
  ELSIF TG_OP = 'UPDATE' THEN
    PERFORM add_event(NEW.channel_id, 'thread-updated', NEW.channel_id, NEW.id, NULL, NULL,
      json_build_object('name', NEW.name, 'isArchived', NEW.is_archived = 1));
  ELSIF EXISTS (SELECT 1 FROM channels c WHERE c.id = OLD.channel_id) THEN
    PERFORM add_event(OLD.channel_id, 'thread-deleted', OLD.channel_id, OLD.id, NULL, NULL, NULL);
  END IF;
  RETURN NULL;
END $function$
----
CREATE TRIGGER events_of_threads AFTER INSERT OR DELETE OR UPDATE OF updated_at ON threads FOR EACH ROW EXECUTE FUNCTION events_of_threads()
----
CREATE FUNCTION events_of_users() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  DELETE FROM events WHERE stream = OLD.id;
  DELETE FROM event_streams WHERE stream = OLD.id;
  DELETE FROM removals WHERE user_id = OLD.id;
  DELETE FROM presence WHERE user_id = OLD.id;
  DELETE FROM connections WHERE user_id = OLD.id;
  DELETE FROM socket_tickets WHERE user_id = OLD.id;
  RETURN NULL;
END $function$
----
CREATE TRIGGER events_of_users AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION events_of_users()
