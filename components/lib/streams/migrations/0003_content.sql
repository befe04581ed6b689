-- The content as bytes, at the end of the rows, so that what is known of an append is read without it. Rows that an
-- earlier version wrote have it in `data` and `initial_data`, and NULL here.
ALTER TABLE stream_appends ADD COLUMN content BLOB
----
ALTER TABLE streams ADD COLUMN initial_content BLOB
