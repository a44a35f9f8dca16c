// Stands in front of libevent's header for every source but the one that wraps it (the build says which:
// reactor_libevent_part).
#error "only reactor/src/libevent_poller.cpp may include libevent: ask the Poller interface for what you need"
