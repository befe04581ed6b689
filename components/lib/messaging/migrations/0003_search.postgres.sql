-- The words of messages, with the ids of channel and thread as words of their own, so that a search does not
-- visit messages that the user may not read. Punctuation separates words; the parser of PostgreSQL would keep
-- addresses and compounds together.
ALTER TABLE messages ADD COLUMN words tsvector GENERATED ALWAYS AS (
  CASE WHEN deleted_at IS NULL THEN to_tsvector('simple', translate(content,
      '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', '                                ')
    || ' c' || replace(channel_id, '-', '') || ' t' || replace(thread_id, '-', '')) END
) STORED
----
CREATE INDEX messages_by_words ON messages USING gin (words)
----
ALTER TABLE channels ADD COLUMN words tsvector GENERATED ALWAYS AS (
  to_tsvector('simple', translate(name || ' ' || coalesce(description, ''),
    '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', '                                '))
) STORED
----
CREATE INDEX channels_by_words ON channels USING gin (words)
----
ALTER TABLE users ADD COLUMN words tsvector GENERATED ALWAYS AS (
  to_tsvector('simple', translate(name || ' ' || coalesce(display_name, ''),
    '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', '                                '))
) STORED
----
CREATE INDEX users_by_words ON users USING gin (words)
