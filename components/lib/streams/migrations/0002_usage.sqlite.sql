CREATE TRIGGER streams_inserted AFTER INSERT ON streams BEGIN
  INSERT INTO stream_owners (owner, bytes) VALUES (NEW.owner, NEW.base_bytes - NEW.fork_bytes)
  ON CONFLICT (owner) DO UPDATE SET bytes = bytes + excluded.bytes;
END
----
CREATE TRIGGER streams_deleted BEFORE DELETE ON streams BEGIN
  UPDATE stream_owners SET bytes = max(bytes - (
    coalesce((SELECT a.bytes FROM stream_appends a WHERE a.stream_id = OLD.id ORDER BY a.number DESC LIMIT 1), OLD.base_bytes) - OLD.fork_bytes), 0)
  WHERE owner = OLD.owner;
END
----
CREATE TRIGGER stream_appends_inserted AFTER INSERT ON stream_appends WHEN NEW.length > 0 BEGIN
  UPDATE stream_owners SET bytes = bytes + NEW.length
  WHERE owner = (SELECT owner FROM streams WHERE id = NEW.stream_id);
END
