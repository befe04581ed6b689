-- Who creates a channel is its first member and its owner.
CREATE FUNCTION channels_inserted() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  INSERT INTO members (id, channel_id, user_id, rank, joined_at)
  VALUES (CAST(gen_random_uuid() AS text), NEW.id, NEW.owner_id, 4, NEW.created_at);
  RETURN NULL;
END $function$
----
CREATE TRIGGER channels_inserted AFTER INSERT ON channels FOR EACH ROW EXECUTE FUNCTION channels_inserted()
----
CREATE FUNCTION members_inserted() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  UPDATE channels SET
    member_count = member_count + CASE WHEN NEW.rank > 0 THEN 1 ELSE 0 END,
    admin_count = admin_count + CASE WHEN NEW.rank > 2 THEN 1 ELSE 0 END,
    owner_id = CASE WHEN NEW.rank = 4 THEN NEW.user_id ELSE owner_id END,
    membership_version = membership_version + 1
  WHERE id = NEW.channel_id;
  IF NEW.invitation_id IS NOT NULL THEN
    UPDATE invitations SET uses = uses + 1 WHERE id = NEW.invitation_id;
  END IF;
  -- What was written before counts as read.
  IF NEW.rank > 0 THEN
    INSERT INTO reads (thread_id, user_id, number)
    SELECT id, NEW.user_id, last_number FROM threads WHERE channel_id = NEW.channel_id AND last_number > 0
    ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END $function$
----
CREATE TRIGGER members_inserted AFTER INSERT ON members FOR EACH ROW EXECUTE FUNCTION members_inserted()
----
CREATE FUNCTION members_updated() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  UPDATE channels SET
    member_count = member_count
      + CASE WHEN NEW.rank > 0 THEN 1 ELSE 0 END - CASE WHEN OLD.rank > 0 THEN 1 ELSE 0 END,
    admin_count = admin_count
      + CASE WHEN NEW.rank > 2 THEN 1 ELSE 0 END - CASE WHEN OLD.rank > 2 THEN 1 ELSE 0 END,
    owner_id = CASE WHEN NEW.rank = 4 THEN NEW.user_id ELSE owner_id END,
    membership_version = membership_version + 1
  WHERE id = NEW.channel_id;
  IF NEW.rank = 4 THEN
    -- A new owner takes the place of the one before.
    UPDATE members SET rank = 3
    WHERE channel_id = NEW.channel_id AND rank = 4 AND user_id <> NEW.user_id;
  ELSIF OLD.rank = 4 AND NOT EXISTS (SELECT 1 FROM members WHERE channel_id = NEW.channel_id AND rank = 4) THEN
    -- The admin who joined first takes the place of an owner who stepped down.
    UPDATE members SET rank = 4 WHERE key = (
      SELECT key FROM members WHERE channel_id = NEW.channel_id AND rank = 3 AND user_id <> NEW.user_id
      ORDER BY key LIMIT 1);
  END IF;
  IF NEW.rank = 0 THEN
    DELETE FROM reads WHERE user_id = NEW.user_id
      AND thread_id IN (SELECT id FROM threads WHERE channel_id = NEW.channel_id);
    DELETE FROM mentions WHERE user_id = NEW.user_id AND channel_id = NEW.channel_id;
  END IF;
  RETURN NULL;
END $function$
----
CREATE TRIGGER members_updated AFTER UPDATE OF rank ON members FOR EACH ROW
WHEN (NEW.rank <> OLD.rank) EXECUTE FUNCTION members_updated()
----
CREATE FUNCTION members_deleted() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  UPDATE channels SET
    member_count = member_count - CASE WHEN OLD.rank > 0 THEN 1 ELSE 0 END,
    admin_count = admin_count - CASE WHEN OLD.rank > 2 THEN 1 ELSE 0 END,
    membership_version = membership_version + 1
  WHERE id = OLD.channel_id;
  IF NOT FOUND THEN
    -- The channel is being deleted.
    RETURN NULL;
  END IF;
  DELETE FROM reads WHERE user_id = OLD.user_id
    AND thread_id IN (SELECT id FROM threads WHERE channel_id = OLD.channel_id);
  DELETE FROM mentions WHERE user_id = OLD.user_id AND channel_id = OLD.channel_id;
  IF OLD.rank = 4 THEN
    -- The admin who joined first takes the place of an owner who is gone. If there is none, which happens
    -- only when the owner is deleted as a user, the channel goes.
    UPDATE members SET rank = 4 WHERE key = (
      SELECT key FROM members WHERE channel_id = OLD.channel_id AND rank = 3 ORDER BY key LIMIT 1);
    DELETE FROM channels WHERE id = OLD.channel_id
      AND NOT EXISTS (SELECT 1 FROM members WHERE channel_id = OLD.channel_id AND rank = 4);
  END IF;
  RETURN NULL;
END $function$
----
CREATE TRIGGER members_deleted AFTER DELETE ON members FOR EACH ROW EXECUTE FUNCTION members_deleted()
----
CREATE FUNCTION add_mentions(message messages) RETURNS void LANGUAGE sql AS $function$
  INSERT INTO mentions (user_id, channel_id, thread_id, number)
  SELECT m.user_id, message.channel_id, message.thread_id, message.number
  FROM json_array_elements_text(CAST(coalesce(message.mentions, '[]') AS json)) j (user_id)
  JOIN members m ON m.channel_id = message.channel_id AND m.user_id = j.user_id AND m.rank > 0
  WHERE m.user_id <> message.sender_id
    AND NOT EXISTS (SELECT 1 FROM reads r
      WHERE r.thread_id = message.thread_id AND r.user_id = m.user_id AND r.number >= message.number)
  ON CONFLICT DO NOTHING
$function$
----
CREATE FUNCTION messages_inserted() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  UPDATE threads SET last_number = NEW.number, last_message_at = NEW.created_at WHERE id = NEW.thread_id;
  INSERT INTO reads (thread_id, user_id, number) VALUES (NEW.thread_id, NEW.sender_id, NEW.number)
  ON CONFLICT (thread_id, user_id) DO UPDATE SET number = greatest(reads.number, excluded.number);
  IF NEW.mentions IS NOT NULL THEN
    PERFORM add_mentions(NEW);
  END IF;
  RETURN NULL;
END $function$
----
CREATE TRIGGER messages_inserted AFTER INSERT ON messages FOR EACH ROW EXECUTE FUNCTION messages_inserted()
----
CREATE FUNCTION messages_edited() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  INSERT INTO previous_texts (message_key, content, replaced_at) VALUES (OLD.key, OLD.content, NEW.edited_at);
  -- 30 days.
  DELETE FROM previous_texts WHERE replaced_at < NEW.edited_at - 2592000000;
  DELETE FROM mentions WHERE thread_id = NEW.thread_id AND number = NEW.number;
  PERFORM add_mentions(NEW);
  RETURN NULL;
END $function$
----
CREATE TRIGGER messages_edited AFTER UPDATE OF content ON messages FOR EACH ROW
WHEN (NEW.deleted_at IS NULL) EXECUTE FUNCTION messages_edited()
----
CREATE FUNCTION messages_deleted() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  DELETE FROM previous_texts WHERE message_key = NEW.key;
  DELETE FROM mentions WHERE thread_id = NEW.thread_id AND number = NEW.number;
  DELETE FROM reactions WHERE message_key = NEW.key;
  RETURN NULL;
END $function$
----
CREATE TRIGGER messages_deleted AFTER UPDATE OF deleted_at ON messages FOR EACH ROW
WHEN (NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL) EXECUTE FUNCTION messages_deleted()
----
CREATE FUNCTION reads_changed() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  DELETE FROM mentions WHERE user_id = NEW.user_id AND thread_id = NEW.thread_id AND number <= NEW.number
    AND channel_id = (SELECT channel_id FROM threads WHERE id = NEW.thread_id);
  RETURN NULL;
END $function$
----
CREATE TRIGGER reads_changed AFTER INSERT OR UPDATE OF number ON reads FOR EACH ROW
EXECUTE FUNCTION reads_changed()
----
CREATE FUNCTION reactions_inserted() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  INSERT INTO reaction_counts (message_key, emoji, count, first_at)
  VALUES (NEW.message_key, NEW.emoji, 1, NEW.created_at)
  ON CONFLICT (message_key, emoji) DO UPDATE SET count = reaction_counts.count + 1;
  UPDATE messages SET has_reactions = 1 WHERE key = NEW.message_key AND has_reactions = 0;
  RETURN NULL;
END $function$
----
CREATE TRIGGER reactions_inserted AFTER INSERT ON reactions FOR EACH ROW EXECUTE FUNCTION reactions_inserted()
----
CREATE FUNCTION reactions_deleted() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  UPDATE reaction_counts SET count = count - 1 WHERE message_key = OLD.message_key AND emoji = OLD.emoji;
  DELETE FROM reaction_counts WHERE message_key = OLD.message_key AND emoji = OLD.emoji AND count <= 0;
  RETURN NULL;
END $function$
----
CREATE TRIGGER reactions_deleted AFTER DELETE ON reactions FOR EACH ROW EXECUTE FUNCTION reactions_deleted()
