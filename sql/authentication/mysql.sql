-- Users of MySQL, each with an authentication plugin of its own.
CREATE USER caching@localhost IDENTIFIED WITH caching_sha2_password BY 'secret';
CREATE USER sha256@localhost IDENTIFIED WITH sha256_password BY 'secret';
-- Gone since 9.0, and off since 8.4.
-- onlyif mysql<8.4
CREATE USER native@localhost IDENTIFIED WITH mysql_native_password BY 'secret';
-- Whoever is `daemon` in the system is this user.
CREATE USER daemon@localhost IDENTIFIED WITH auth_socket;
