-- Users who were deleted within the last ten minutes.
CREATE TABLE deleted_users (id TEXT PRIMARY KEY NOT NULL, deleted_at BIGINT NOT NULL)
----
CREATE INDEX deleted_users_by_time ON deleted_users (deleted_at)
----
-- Creating and deleting one user wait for each other.
CREATE FUNCTION deleted_users_inserting() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(NEW.id, 7162532016));
  RETURN NEW;
END $function$
----
CREATE TRIGGER deleted_users_inserting BEFORE INSERT ON deleted_users FOR EACH ROW
EXECUTE FUNCTION deleted_users_inserting()
----
-- A request that was admitted before the deletion does not create the user again.
CREATE FUNCTION users_inserting() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(NEW.id, 7162532016));
  IF EXISTS (SELECT 1 FROM deleted_users WHERE id = NEW.id AND deleted_at > NEW.created_at - 600000) THEN
    RETURN NULL;
  END IF;
  RETURN NEW;
END $function$
----
CREATE TRIGGER users_inserting BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION users_inserting()
