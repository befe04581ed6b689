-- A stream begins with the content of its source up to `fork_appends`, `fork_bytes` (both 0 without a source), and
-- then its initial content, if any. `base_*` is the position after that. `expires_at` is put off by `idle_seconds` at
-- each use, if they are set. `deleted_at` is set while forks need the content of a deleted stream. `fork_request` is the
-- fork as it was requested, to compare repeated requests.
CREATE TABLE streams (
  id TEXT NOT NULL PRIMARY KEY,
  owner TEXT NOT NULL,
  name TEXT NOT NULL,
  content_type TEXT NOT NULL,
  media_type TEXT NOT NULL,
  idle_seconds INTEGER,
  expires_at INTEGER,
  created_at INTEGER NOT NULL,
  deleted_at INTEGER,
  created_closed INTEGER NOT NULL,
  source_id TEXT REFERENCES streams (id),
  fork_request TEXT NOT NULL,
  fork_appends INTEGER NOT NULL,
  fork_bytes INTEGER NOT NULL,
  initial_data TEXT,
  initial_encoded INTEGER NOT NULL,
  base_appends INTEGER NOT NULL,
  base_bytes INTEGER NOT NULL,
  share_hash TEXT,
  UNIQUE (owner, name)
) STRICT
----
CREATE INDEX streams_by_source ON streams (source_id) WHERE source_id IS NOT NULL
----
CREATE INDEX streams_by_owner ON streams (owner, created_at, id)
----
CREATE INDEX streams_by_expiry ON streams (expires_at) WHERE expires_at IS NOT NULL AND deleted_at IS NULL
----
-- One row for each append, and one for a closing without content (`length` is 0). `bytes` counts all bytes of the stream
-- up to and with this append. `data` is text, or in base64 if `encoded`. `writer_sequence` is the last one so far, in
-- hexadecimal, so that every collation orders it by its bytes.
CREATE TABLE stream_appends (
  stream_id TEXT NOT NULL REFERENCES streams (id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  data TEXT NOT NULL,
  encoded INTEGER NOT NULL,
  length INTEGER NOT NULL,
  closes INTEGER NOT NULL,
  writer_sequence TEXT,
  producer_id TEXT,
  producer_epoch INTEGER,
  producer_sequence INTEGER,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (stream_id, number)
) STRICT
----
CREATE INDEX stream_appends_by_producer ON stream_appends (stream_id, producer_id, number)
  WHERE producer_id IS NOT NULL
----
-- What all streams of a user hold, without what forks share with their sources. Kept by triggers.
CREATE TABLE stream_owners (
  owner TEXT NOT NULL PRIMARY KEY,
  bytes INTEGER NOT NULL
) STRICT
----
-- Who follows a stream live now. A row whose time is over is that of a reader whose instance has ended.
CREATE TABLE stream_readers (
  id TEXT NOT NULL PRIMARY KEY,
  owner TEXT NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT
----
CREATE INDEX stream_readers_by_owner ON stream_readers (owner, expires_at)
