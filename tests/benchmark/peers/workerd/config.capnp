# workerd with one Durable Object for each user and one for each thread, which keep what they store on the disk.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "chat", worker = .chat),
    (name = "network", network = (allow = ["public", "private"])),
    (name = "storage", disk = (writable = true)),
  ],
  sockets = [(name = "http", http = (), service = "chat")],
);

const chat :Workerd.Worker = (
  modules = [(name = "worker.mjs", esModule = embed "worker.mjs")],
  compatibilityDate = "2026-11-01",
  durableObjectNamespaces = [
    (className = "UserChats", uniqueKey = "user-chats", enableSql = true),
    (className = "Thread", uniqueKey = "thread", enableSql = true),
  ],
  durableObjectStorage = (localDisk = "storage"),
  bindings = [
    (name = "USERS", durableObjectNamespace = "UserChats"),
    (name = "THREADS", durableObjectNamespace = "Thread"),
    (name = "PROVIDER", fromEnvironment = "PROVIDER"),
  ],
  globalOutbound = "network",
);
