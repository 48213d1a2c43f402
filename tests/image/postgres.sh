# Make the database of POSTGRES_USER at the first start, then run the server.
set -eu
data=/var/lib/postgresql/data
bin=$(echo /usr/lib/postgresql/*/bin)
install -d -o postgres -g postgres /var/run/postgresql
as_postgres() { setpriv --reuid postgres --regid postgres --clear-groups "$@"; }
if [ ! -s "$data/PG_VERSION" ]; then
    install -d -o postgres -g postgres -m 0700 "$data"
    printf '%s' "$POSTGRES_PASSWORD" >/tmp/password
    chmod 0644 /tmp/password
    as_postgres "$bin/initdb" -D "$data" -U "$POSTGRES_USER" --pwfile=/tmp/password
    rm /tmp/password
    echo "host all all all scram-sha-256" >>"$data/pg_hba.conf"
    echo "CREATE DATABASE $POSTGRES_DB" | as_postgres "$bin/postgres" --single -D "$data" postgres
fi
exec setpriv --reuid postgres --regid postgres --clear-groups "$bin/postgres" -D "$data" -c "listen_addresses=*"
