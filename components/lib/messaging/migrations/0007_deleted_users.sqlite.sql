-- Users who were deleted within the last ten minutes.
CREATE TABLE deleted_users (id TEXT PRIMARY KEY NOT NULL, deleted_at BIGINT NOT NULL)
----
CREATE INDEX deleted_users_by_time ON deleted_users (deleted_at)
----
-- A request that was admitted before the deletion does not create the user again.
CREATE TRIGGER users_inserting BEFORE INSERT ON users
WHEN EXISTS (SELECT 1 FROM deleted_users WHERE id = NEW.id AND deleted_at > NEW.created_at - 600000) BEGIN
  SELECT RAISE(IGNORE);
END
