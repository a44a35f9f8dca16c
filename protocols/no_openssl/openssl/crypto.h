// Stands in front of OpenSSL's header for every source but those of TLS (the build says which: protocols_tls_part).
#error "only protocols/src/tls/ may include OpenSSL: ask the headers in bight/tls/ for what you need"
