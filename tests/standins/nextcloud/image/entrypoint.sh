#!/bin/sh
# Plays the entrypoint of the upstream image (nextcloud/docker): same order, same messages that a role may read, same
# traps. What upstream would only fail at later is refused here at once, with the reason (see README.md, "Strictness").
set -eu

html=/var/www/html
source=/usr/src/nextcloud
lib=/usr/local/lib/standin

fail() {
    code=$1
    shift
    echo >&2 "nextcloud stand-in: $*"
    exit "$code"
}

as_web() {
    if [ "$(id -u)" = 0 ]; then su -p www-data -s /bin/sh -c "$1"; else sh -c "$1"; fi
}

# secret_from_file VAR: takes VAR from the file that VAR_FILE names; both at once is an error, as upstream.
secret_from_file() {
    eval "plain=\${$1:-}; path=\${$1_FILE:-}"
    if [ -n "$plain" ] && [ -n "$path" ]; then
        fail 1 "error: both $1 and $1_FILE are set (but are exclusive)"
    fi
    if [ -n "$path" ]; then
        plain=$(cat "$path")
        export "$1=$plain"
    fi
    unset "$1_FILE"
}

run_hooks() {
    folder=/docker-entrypoint-hooks.d/$1
    echo "=> Looking for hook scripts (*.sh) in \"$folder\""
    find "$folder" -maxdepth 1 -iname '*.sh' \( -type f -o -type l \) 2>/dev/null | sort | while read -r hook; do
        if [ ! -x "$hook" ]; then
            echo "==> The script \"$hook\" was skipped, because it lacks the executable flag"
            continue
        fi
        echo "==> Running \"$hook\""
        as_web "$hook" || { echo "==> Failed at executing script \"$hook\". Exit code: $?"; exit 1; }
    done
}

write_session_ini() {
    [ -n "${REDIS_HOST:-}" ] || return 0
    secret_from_file REDIS_HOST_PASSWORD
    ini=/usr/local/etc/php/conf.d/redis-session.ini
    case $REDIS_HOST in
        /*) path="unix://$REDIS_HOST" ;;
        *) path="tcp://$REDIS_HOST:${REDIS_HOST_PORT:=6379}" ;;
    esac
    if [ -n "${REDIS_HOST_PASSWORD+x}" ] && [ -n "${REDIS_HOST_USER+x}" ]; then
        path="$path?auth[]=$REDIS_HOST_USER&auth[]=$REDIS_HOST_PASSWORD"
    elif [ -n "${REDIS_HOST_PASSWORD+x}" ]; then
        path="$path?auth=$REDIS_HOST_PASSWORD"
    fi
    # A read-only root or uid 33 cannot write here: the shell ends with 2, as upstream's does.
    printf '%s\n' 'session.save_handler = redis' "session.save_path = \"$path\"" 'redis.session.locking_enabled = 1' \
        'redis.session.lock_retries = -1' 'redis.session.lock_wait_time = 10000' > "$ini" || exit 2
}

version_in() {
    php -r 'require $argv[1]; echo implode(".", $OC_Version);' "$1/version.php"
}

newer() {
    php -r 'exit(version_compare($argv[1], $argv[2], ">") ? 0 : 1);' "$1" "$2"
}

# Copies the code; config, data, custom_apps and themes only where missing or empty; version.php last, but BEFORE the
# installation or upgrade runs: an interruption after this point is never retried by a restart.
copy_code() {
    if [ "$(id -u)" = 0 ]; then options='-rlDog --chown www-data:www-data'; else options='-rlD'; fi
    # shellcheck disable=SC2086
    rsync $options --delete --exclude-from=/upgrade.exclude "$source/" "$html/"
    for folder in config data custom_apps themes; do
        if [ ! -d "$html/$folder" ] || [ -z "$(ls -A "$html/$folder")" ]; then
            # shellcheck disable=SC2086
            rsync $options --include "/$folder/" --exclude '/*' "$source/" "$html/"
        fi
    done
    # shellcheck disable=SC2086
    rsync $options --include '/version.php' --exclude '/*' "$source/" "$html/"
}

install_from_environment() {
    secret_from_file NEXTCLOUD_ADMIN_PASSWORD
    secret_from_file NEXTCLOUD_ADMIN_USER
    for name in MYSQL_DATABASE MYSQL_PASSWORD MYSQL_USER POSTGRES_DB POSTGRES_PASSWORD POSTGRES_USER; do
        secret_from_file "$name"
    done
    if [ -z "${NEXTCLOUD_ADMIN_USER+x}" ] || [ -z "${NEXTCLOUD_ADMIN_PASSWORD+x}" ] || [ -z "${POSTGRES_DB+x}" ] \
        || [ -z "${POSTGRES_USER+x}" ] || [ -z "${POSTGRES_PASSWORD+x}" ] || [ -z "${POSTGRES_HOST+x}" ]; then
        echo "Next step: Access your instance to finish the web-based installation!"
        return 0
    fi
    run_hooks pre-installation
    echo "Starting nextcloud installation"
    # shellcheck disable=SC2016
    options='-n --admin-user "$NEXTCLOUD_ADMIN_USER" --admin-pass "$NEXTCLOUD_ADMIN_PASSWORD" --database pgsql
        --database-name "$POSTGRES_DB" --database-user "$POSTGRES_USER" --database-pass "$POSTGRES_PASSWORD"
        --database-host "$POSTGRES_HOST"'
    # shellcheck disable=SC2016
    [ -z "${NEXTCLOUD_DATA_DIR+x}" ] || options="$options"' --data-dir "$NEXTCLOUD_DATA_DIR"'
    tries=0
    until as_web "php $html/occ maintenance:install $(echo "$options" | tr '\n' ' ')"; do
        tries=$((tries + 1))
        [ "$tries" -le 10 ] || { echo "Installing of nextcloud failed!"; exit 1; }
        echo "Retrying install..."
        sleep 10
    done
    index=1
    set -f
    for domain in ${NEXTCLOUD_TRUSTED_DOMAINS:-}; do
        as_web "php $html/occ config:system:set trusted_domains $index --value=\"$domain\""
        index=$((index + 1))
    done
    set +f
    run_hooks post-installation
}

upgrade() {
    run_hooks pre-upgrade
    as_web "php $html/occ upgrade"
    run_hooks post-upgrade
}

initialise() {
    volume=0.0.0.0
    [ ! -f "$html/version.php" ] || volume=$(version_in "$html")
    image=$(version_in "$source")
    if newer "$volume" "$image"; then
        echo "Can't start Nextcloud because the version of the data ($volume) is higher than the docker image version ($image) and downgrading is not supported."
        exit 1
    fi
    if newer "$image" "$volume"; then
        echo "Initializing nextcloud $image ..."
        if [ "$volume" != 0.0.0.0 ] && [ "${image%%.*}" -gt $((${volume%%.*} + 1)) ]; then
            echo "Can't start Nextcloud because upgrading from $volume to $image is not supported: one major version at a time."
            exit 1
        fi
        [ "$volume" = 0.0.0.0 ] || echo "Upgrading nextcloud from $volume ..."
        copy_code
        if [ "$volume" = 0.0.0.0 ]; then
            echo "New nextcloud instance"
            install_from_environment
        else
            upgrade
        fi
        echo "Initializing finished"
    fi
    if [ -n "${NEXTCLOUD_INIT_HTACCESS+x}" ] && [ "$volume" != 0.0.0.0 ]; then
        as_web "php $html/occ maintenance:update:htaccess"
    fi
}

warn_of_other_snippets() {
    for snippet in "$source"/config/*.config.php; do
        name=$(basename "$snippet")
        cmp -s "$snippet" "$html/config/$name" \
            || echo "Warning: $html/config/$name differs from the latest version of this image at $snippet"
    done
}

if [ "$1" = php-fpm ] || [ "${NEXTCLOUD_UPDATE:-0}" = 1 ]; then
    php "$lib/check-environment.php" || exit 1
    case $(id -u) in
        0 | 33) ;;
        *) fail 1 "runs as uid $(id -u), but this image's files belong to www-data (33): use --user 33:33 or root" ;;
    esac
    write_session_ini
    [ -w "$html" ] || fail 2 "the volume $html is not writable by uid $(id -u): chown 33:33 it on the host"
    (
        if ! flock -n 9; then
            echo "Another process is initializing Nextcloud. Waiting..."
            flock 9
        fi
        initialise
    ) 9> "$html/nextcloud-init-sync.lock"
    warn_of_other_snippets
    run_hooks before-starting
fi

exec "$@"
