-- Users as others see them. `key` is the order of creation. A handle is what a mention is compared with.
CREATE TABLE users (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  name_handle TEXT NOT NULL,
  image TEXT,
  profile_id TEXT NOT NULL,
  display_name TEXT,
  display_handle TEXT,
  avatar_url TEXT,
  banner_url TEXT,
  bio TEXT,
  age INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  profile_updated_at INTEGER NOT NULL
) STRICT
----
CREATE INDEX users_by_name_handle ON users (name_handle)
----
CREATE INDEX users_by_display_handle ON users (display_handle) WHERE display_handle IS NOT NULL
----
-- `membership_version` rises with each change of the members and their ranks. The counts and `owner_id` are
-- maintained by the triggers of `members`.
CREATE TABLE channels (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  description TEXT,
  is_private INTEGER NOT NULL,
  category TEXT NOT NULL,
  image_url TEXT,
  banner_url TEXT,
  owner_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  member_count INTEGER NOT NULL DEFAULT 0,
  admin_count INTEGER NOT NULL DEFAULT 0,
  membership_version INTEGER NOT NULL DEFAULT 0
) STRICT
----
CREATE INDEX channels_by_category ON channels (category, key)
----
CREATE INDEX channels_by_owner ON channels (owner_id)
----
CREATE TABLE invitations (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  channel_id TEXT NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
  token_hash TEXT NOT NULL UNIQUE,
  created_by TEXT REFERENCES users (id) ON DELETE SET NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  max_uses INTEGER,
  uses INTEGER NOT NULL DEFAULT 0
) STRICT
----
CREATE INDEX invitations_by_channel ON invitations (channel_id, key)
----
CREATE INDEX invitations_by_creator ON invitations (created_by)
----
-- Who is a member, and who is banned. `rank`: 0 banned, 1 member, 2 moderator, 3 admin, 4 owner.
CREATE TABLE members (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  channel_id TEXT NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  rank INTEGER NOT NULL CHECK (rank BETWEEN 0 AND 4),
  joined_at INTEGER NOT NULL,
  invitation_id TEXT,
  banned_at INTEGER,
  banned_by TEXT REFERENCES users (id) ON DELETE SET NULL,
  ban_reason TEXT,
  UNIQUE (channel_id, user_id)
) STRICT
----
CREATE INDEX members_in_order ON members (channel_id, key) WHERE rank > 0
----
CREATE INDEX bans_in_order ON members (channel_id, key) WHERE rank = 0
----
CREATE INDEX members_by_rank ON members (channel_id, rank, key)
----
CREATE INDEX members_by_user ON members (user_id, key)
----
CREATE INDEX bans_by_moderator ON members (banned_by) WHERE banned_by IS NOT NULL
----
-- `last_number` is the number of the last message; the next one takes the next number.
CREATE TABLE threads (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  channel_id TEXT NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  description TEXT,
  created_by TEXT REFERENCES users (id) ON DELETE SET NULL,
  is_archived INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  last_number INTEGER NOT NULL DEFAULT 0,
  last_message_at INTEGER
) STRICT
----
CREATE INDEX threads_by_channel ON threads (channel_id, key)
----
CREATE INDEX active_threads_by_channel ON threads (channel_id, key) WHERE is_archived = 0
----
CREATE INDEX threads_by_creator ON threads (created_by)
----
-- `client_id` is the message's own id if the client gave none. `attachments` and `mentions` are JSON. Keys
-- are never used twice: the search index is filled in their order.
CREATE TABLE messages (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  thread_id TEXT NOT NULL REFERENCES threads (id) ON DELETE CASCADE,
  channel_id TEXT NOT NULL,
  number INTEGER NOT NULL,
  sender_id TEXT REFERENCES users (id) ON DELETE SET NULL,
  client_id TEXT NOT NULL,
  content TEXT NOT NULL,
  attachments TEXT,
  mentions TEXT,
  reply_to TEXT,
  has_reactions INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  edited_at INTEGER,
  deleted_at INTEGER,
  UNIQUE (thread_id, number)
) STRICT
----
CREATE UNIQUE INDEX messages_by_sender ON messages (sender_id, client_id)
----
-- Texts that edits have replaced.
CREATE TABLE previous_texts (
  key INTEGER PRIMARY KEY,
  message_key INTEGER NOT NULL REFERENCES messages (key) ON DELETE CASCADE,
  content TEXT NOT NULL,
  replaced_at INTEGER NOT NULL
) STRICT
----
CREATE INDEX previous_texts_by_message ON previous_texts (message_key, key)
----
CREATE INDEX previous_texts_by_time ON previous_texts (replaced_at)
----
CREATE TABLE reactions (
  message_key INTEGER NOT NULL REFERENCES messages (key) ON DELETE CASCADE,
  emoji TEXT NOT NULL,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (message_key, emoji, user_id)
) STRICT, WITHOUT ROWID
----
CREATE INDEX reactions_by_user ON reactions (user_id, message_key)
----
-- How many users reacted with each emoji, maintained by the triggers of `reactions`.
CREATE TABLE reaction_counts (
  message_key INTEGER NOT NULL REFERENCES messages (key) ON DELETE CASCADE,
  emoji TEXT NOT NULL,
  count INTEGER NOT NULL,
  first_at INTEGER NOT NULL,
  PRIMARY KEY (message_key, emoji)
) STRICT, WITHOUT ROWID
----
-- How far a member has read a thread.
CREATE TABLE reads (
  thread_id TEXT NOT NULL REFERENCES threads (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  PRIMARY KEY (thread_id, user_id)
) STRICT, WITHOUT ROWID
----
CREATE INDEX reads_by_user ON reads (user_id, thread_id)
----
-- Messages that mention a member who has not read them.
CREATE TABLE mentions (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  channel_id TEXT NOT NULL,
  thread_id TEXT NOT NULL REFERENCES threads (id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  PRIMARY KEY (user_id, channel_id, thread_id, number)
) STRICT, WITHOUT ROWID
----
CREATE INDEX mentions_by_message ON mentions (thread_id, number)
