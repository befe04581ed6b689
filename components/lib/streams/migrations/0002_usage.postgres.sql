CREATE FUNCTION streams_inserted() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  INSERT INTO stream_owners AS o (owner, bytes) VALUES (NEW.owner, NEW.base_bytes - NEW.fork_bytes)
  ON CONFLICT (owner) DO UPDATE SET bytes = o.bytes + excluded.bytes;
  RETURN NULL;
END $function$
----
CREATE TRIGGER streams_inserted AFTER INSERT ON streams FOR EACH ROW EXECUTE FUNCTION streams_inserted()
----
CREATE FUNCTION streams_deleted() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  UPDATE stream_owners SET bytes = greatest(bytes - (coalesce(
    (SELECT a.bytes FROM stream_appends a WHERE a.stream_id = OLD.id ORDER BY a.number DESC LIMIT 1), OLD.base_bytes)
    - OLD.fork_bytes), 0)
  WHERE owner = OLD.owner;
  RETURN OLD;
END $function$
----
CREATE TRIGGER streams_deleted BEFORE DELETE ON streams FOR EACH ROW EXECUTE FUNCTION streams_deleted()
----
CREATE FUNCTION stream_appends_inserted() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
  UPDATE stream_owners SET bytes = bytes + NEW.length
  WHERE owner = (SELECT owner FROM streams WHERE id = NEW.stream_id);
  RETURN NULL;
END $function$
----
CREATE TRIGGER stream_appends_inserted AFTER INSERT ON stream_appends FOR EACH ROW WHEN (NEW.length > 0)
  EXECUTE FUNCTION stream_appends_inserted()
