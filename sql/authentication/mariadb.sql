-- Users of MariaDB, each with an authentication plugin of its own.
CREATE USER native@localhost IDENTIFIED VIA mysql_native_password USING PASSWORD('secret');
CREATE USER ed25519@localhost IDENTIFIED VIA ed25519 USING PASSWORD('secret');
-- onlyif mariadb>=11.6
CREATE USER parsec@localhost IDENTIFIED VIA parsec USING PASSWORD('secret');
-- Whoever is `daemon` in the system is this user.
CREATE USER daemon@localhost IDENTIFIED VIA unix_socket;
-- One of two ways suffices.
CREATE USER either@localhost IDENTIFIED VIA ed25519 USING PASSWORD('secret')
  OR mysql_native_password USING PASSWORD('other');
