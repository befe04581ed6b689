-- How many events a stream has had, and how many of them were published. A stream has the id of a channel or of a
-- user. Whoever publishes it has it until `claimed_until`, in milliseconds since the epoch.
CREATE TABLE event_streams (
  stream TEXT NOT NULL PRIMARY KEY,
  number INTEGER NOT NULL,
  published INTEGER NOT NULL DEFAULT 0,
  claimed_until INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID
----
CREATE INDEX event_streams_due ON event_streams (claimed_until) WHERE published < number
----
-- What happened, without content: messages are read when the event is. `previous` is the number of the event before
-- it in the thread, or in the stream if it has no thread. `detail` is a JSON object.
CREATE TABLE events (
  stream TEXT NOT NULL,
  number INTEGER NOT NULL,
  kind TEXT NOT NULL,
  channel_id TEXT,
  thread_id TEXT,
  previous INTEGER NOT NULL,
  subject TEXT,
  actor TEXT,
  detail TEXT,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (stream, number)
) STRICT, WITHOUT ROWID
----
CREATE INDEX events_by_thread ON events (stream, thread_id, number)
----
CREATE INDEX events_by_time ON events (created_at)
----
-- What the numbers belong to: another one means that they began again.
CREATE TABLE event_epoch (
  epoch TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID
----
-- Who is no longer a member: what is published from then on is not for them, even if their connections still follow.
CREATE TABLE removals (
  channel_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  removed_at INTEGER NOT NULL,
  PRIMARY KEY (channel_id, user_id)
) STRICT, WITHOUT ROWID
----
CREATE INDEX removals_by_time ON removals (removed_at)
----
-- When a member marked the thread as read, if it was not by posting or joining.
ALTER TABLE reads ADD COLUMN marked_at INTEGER
----
-- One-time credentials of sockets.
CREATE TABLE socket_tickets (
  hash TEXT NOT NULL PRIMARY KEY,
  user_id TEXT NOT NULL,
  proof TEXT NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID
----
CREATE INDEX socket_tickets_by_user ON socket_tickets (user_id)
----
CREATE INDEX socket_tickets_by_time ON socket_tickets (expires_at)
----
-- Open sockets. `proof` names the session or the API key. `seen_at` is when the proxy last asked for news.
CREATE TABLE connections (
  id TEXT NOT NULL PRIMARY KEY,
  user_id TEXT NOT NULL,
  proof TEXT NOT NULL,
  conversation_id TEXT,
  opened_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID
----
CREATE INDEX connections_by_user ON connections (user_id, opened_at)
----
CREATE INDEX connections_by_proof ON connections (proof)
----
CREATE INDEX connections_by_time ON connections (seen_at)
----
-- What a socket follows: a thread, or with an empty thread a whole channel.
CREATE TABLE subscriptions (
  connection_id TEXT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
  channel_id TEXT NOT NULL,
  thread_id TEXT NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY (connection_id, channel_id, thread_id)
) STRICT, WITHOUT ROWID
----
-- What users say of their presence: `away` or `hidden`; online and offline follow from their connections.
CREATE TABLE presence (
  user_id TEXT NOT NULL PRIMARY KEY,
  state TEXT NOT NULL,
  last_seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID
