-- Who creates a channel is its first member and its owner.
CREATE TRIGGER channels_inserted AFTER INSERT ON channels BEGIN
  INSERT INTO members (id, channel_id, user_id, rank, joined_at)
  SELECT lower(substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-4' || substr(h, 14, 3) || '-a' || substr(h, 18, 3)
    || '-' || substr(h, 21, 12)), NEW.id, NEW.owner_id, 4, NEW.created_at
  FROM (SELECT hex(randomblob(16)) AS h);
END
----
CREATE TRIGGER members_inserted AFTER INSERT ON members BEGIN
  UPDATE channels SET
    member_count = member_count + (NEW.rank > 0),
    admin_count = admin_count + (NEW.rank > 2),
    owner_id = CASE WHEN NEW.rank = 4 THEN NEW.user_id ELSE owner_id END,
    membership_version = membership_version + 1
  WHERE id = NEW.channel_id;
  UPDATE invitations SET uses = uses + 1 WHERE id = NEW.invitation_id;
  -- What was written before counts as read.
  INSERT INTO reads (thread_id, user_id, number)
  SELECT id, NEW.user_id, last_number FROM threads
  WHERE channel_id = NEW.channel_id AND last_number > 0 AND NEW.rank > 0
  ON CONFLICT DO NOTHING;
END
----
CREATE TRIGGER members_updated AFTER UPDATE OF rank ON members WHEN NEW.rank <> OLD.rank BEGIN
  UPDATE channels SET
    member_count = member_count + (NEW.rank > 0) - (OLD.rank > 0),
    admin_count = admin_count + (NEW.rank > 2) - (OLD.rank > 2),
    owner_id = CASE WHEN NEW.rank = 4 THEN NEW.user_id ELSE owner_id END,
    membership_version = membership_version + 1
  WHERE id = NEW.channel_id;
  -- A new owner takes the place of the one before.
  UPDATE members SET rank = 3
  WHERE channel_id = NEW.channel_id AND rank = 4 AND user_id <> NEW.user_id AND NEW.rank = 4;
END
----
-- The admin who joined first takes the place of an owner who stepped down.
CREATE TRIGGER members_owner_stepped_down AFTER UPDATE OF rank ON members
WHEN OLD.rank = 4 AND NEW.rank < 4
  AND NOT EXISTS (SELECT 1 FROM members WHERE channel_id = NEW.channel_id AND rank = 4)
BEGIN
  UPDATE members SET rank = 4 WHERE key = (
    SELECT key FROM members WHERE channel_id = NEW.channel_id AND rank = 3 AND user_id <> NEW.user_id
    ORDER BY key LIMIT 1);
END
----
CREATE TRIGGER members_banned AFTER UPDATE OF rank ON members WHEN NEW.rank = 0 AND OLD.rank > 0 BEGIN
  DELETE FROM reads WHERE user_id = NEW.user_id
    AND thread_id IN (SELECT id FROM threads WHERE channel_id = NEW.channel_id);
  DELETE FROM mentions WHERE user_id = NEW.user_id AND channel_id = NEW.channel_id;
END
----
CREATE TRIGGER members_deleted AFTER DELETE ON members BEGIN
  UPDATE channels SET
    member_count = member_count - (OLD.rank > 0),
    admin_count = admin_count - (OLD.rank > 2),
    membership_version = membership_version + 1
  WHERE id = OLD.channel_id;
  DELETE FROM reads WHERE user_id = OLD.user_id
    AND thread_id IN (SELECT id FROM threads WHERE channel_id = OLD.channel_id);
  DELETE FROM mentions WHERE user_id = OLD.user_id AND channel_id = OLD.channel_id;
END
----
-- The admin who joined first takes the place of an owner who is gone. If there is none, which happens only
-- when the owner is deleted as a user, the channel goes.
CREATE TRIGGER members_owner_deleted AFTER DELETE ON members WHEN OLD.rank = 4 BEGIN
  UPDATE members SET rank = 4 WHERE key = (
    SELECT key FROM members WHERE channel_id = OLD.channel_id AND rank = 3 ORDER BY key LIMIT 1)
    AND EXISTS (SELECT 1 FROM channels WHERE id = OLD.channel_id);
  DELETE FROM channels WHERE id = OLD.channel_id
    AND NOT EXISTS (SELECT 1 FROM members WHERE channel_id = OLD.channel_id AND rank = 4);
END
----
CREATE TRIGGER messages_inserted AFTER INSERT ON messages BEGIN
  UPDATE threads SET last_number = NEW.number, last_message_at = NEW.created_at WHERE id = NEW.thread_id;
  INSERT INTO reads (thread_id, user_id, number) VALUES (NEW.thread_id, NEW.sender_id, NEW.number)
  ON CONFLICT (thread_id, user_id) DO UPDATE SET number = max(number, excluded.number);
END
----
CREATE TRIGGER messages_inserted_with_mentions AFTER INSERT ON messages WHEN NEW.mentions IS NOT NULL BEGIN
  INSERT INTO mentions (user_id, channel_id, thread_id, number)
  SELECT m.user_id, NEW.channel_id, NEW.thread_id, NEW.number
  FROM json_each(NEW.mentions) j
  JOIN members m ON m.channel_id = NEW.channel_id AND m.user_id = j.value AND m.rank > 0
  WHERE m.user_id <> NEW.sender_id
  ON CONFLICT DO NOTHING;
END
----
CREATE TRIGGER messages_edited AFTER UPDATE OF content ON messages WHEN NEW.deleted_at IS NULL BEGIN
  INSERT INTO previous_texts (message_key, content, replaced_at) VALUES (OLD.key, OLD.content, NEW.edited_at);
  -- 30 days.
  DELETE FROM previous_texts WHERE replaced_at < NEW.edited_at - 2592000000;
  DELETE FROM mentions WHERE thread_id = NEW.thread_id AND number = NEW.number;
  INSERT INTO mentions (user_id, channel_id, thread_id, number)
  SELECT m.user_id, NEW.channel_id, NEW.thread_id, NEW.number
  FROM json_each(coalesce(NEW.mentions, '[]')) j
  JOIN members m ON m.channel_id = NEW.channel_id AND m.user_id = j.value AND m.rank > 0
  WHERE m.user_id <> NEW.sender_id
    AND NOT EXISTS (SELECT 1 FROM reads r
      WHERE r.thread_id = NEW.thread_id AND r.user_id = m.user_id AND r.number >= NEW.number)
  ON CONFLICT DO NOTHING;
END
----
CREATE TRIGGER messages_deleted AFTER UPDATE OF deleted_at ON messages
WHEN NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL BEGIN
  DELETE FROM previous_texts WHERE message_key = NEW.key;
  DELETE FROM mentions WHERE thread_id = NEW.thread_id AND number = NEW.number;
  DELETE FROM reactions WHERE message_key = NEW.key;
END
----
CREATE TRIGGER reads_inserted AFTER INSERT ON reads BEGIN
  DELETE FROM mentions WHERE user_id = NEW.user_id AND thread_id = NEW.thread_id AND number <= NEW.number
    AND channel_id = (SELECT channel_id FROM threads WHERE id = NEW.thread_id);
END
----
CREATE TRIGGER reads_updated AFTER UPDATE OF number ON reads BEGIN
  DELETE FROM mentions WHERE user_id = NEW.user_id AND thread_id = NEW.thread_id AND number <= NEW.number
    AND channel_id = (SELECT channel_id FROM threads WHERE id = NEW.thread_id);
END
----
CREATE TRIGGER reactions_inserted AFTER INSERT ON reactions BEGIN
  INSERT INTO reaction_counts (message_key, emoji, count, first_at)
  VALUES (NEW.message_key, NEW.emoji, 1, NEW.created_at)
  ON CONFLICT (message_key, emoji) DO UPDATE SET count = count + 1;
  UPDATE messages SET has_reactions = 1 WHERE key = NEW.message_key AND has_reactions = 0;
END
----
CREATE TRIGGER reactions_deleted AFTER DELETE ON reactions BEGIN
  UPDATE reaction_counts SET count = count - 1 WHERE message_key = OLD.message_key AND emoji = OLD.emoji;
  DELETE FROM reaction_counts WHERE message_key = OLD.message_key AND emoji = OLD.emoji AND count <= 0;
END
