# Logs in as each user of the setup, and is refused with a wrong password.
set -eu

# The server's own client, in its container.
client() {
  "$DBMATRIX" shell "$DBMATRIX_NEST/$DBMATRIX_FLAVOUR" -- "$@"
}

is_user() { # USER COMMAND…
  user=$1
  shift
  found=$(client "$@" --skip-column-names --batch --execute 'SELECT CURRENT_USER()')
  if [ "$found" != "$user@localhost" ]; then
    echo "expected $user@localhost; found $found"
    exit 1
  fi
  echo "$user: logged in"
}

is_refused() { # COMMAND…
  if client "$@" --execute 'SELECT 1' > /dev/null 2>&1; then
    echo "expected a refusal: $*"
    exit 1
  fi
}

case $DBMATRIX_FAMILY in
  mysql) program=mysql users='caching sha256' ;;
  *) program=mariadb users='native ed25519' ;;
esac
case $DBMATRIX_FLAVOUR in
  mariadb-11.8) users="$users parsec" ;;
esac

for user in $users; do
  is_user "$user" "$program" --user="$user" --password=secret
  is_refused "$program" --user="$user" --password=wrong
done
is_user daemon setpriv --reuid=daemon --regid=daemon --clear-groups "$program" --user=daemon
is_refused "$program" --user=daemon
if [ "$program" = mariadb ]; then
  is_user either "$program" --user=either --password=secret
  is_user either "$program" --user=either --password=other
fi
