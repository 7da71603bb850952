# Connects to addresses in its container, and passes their bytes through its own standard
# input and output, in frames: kind (1 byte), connection (4), length (4), bytes.
#
# The client may send a connection as many bytes as its window has, and the other way
# round; WINDOW extends it by what was passed on. So a connection that nobody reads delays
# no other one, and memory is bounded. A number is never used for a second connection.
use strict;
use warnings;
use Errno qw(EAGAIN EINPROGRESS EINTR);
use IO::Handle;
use Socket qw(:DEFAULT IPPROTO_TCP TCP_NODELAY);

use constant { HELLO => 0, OPEN => 1, OPENED => 2, DATA => 3, ENDED => 4, RESET => 5, WINDOW => 6 };
use constant { HEAD => 9, CHUNK => 65536, BACKLOG => 1048576 };

my $window = shift;
my ($in, $out) = ('', '');
# The connections by their numbers, and by their descriptors.
my (%connection, %at);
# What select(2) waits for.
my ($reads, $writes) = ('', '');

sub queue {
    my ($kind, $number, $bytes) = @_;
    $out .= pack('CNN', $kind, $number, length $bytes) . $bytes;
}

sub pass_out {
    while (length $out) {
        my $count = syswrite(STDOUT, $out);
        if (defined $count) { substr($out, 0, $count, '') }
        elsif ($! == EAGAIN) { last }
        elsif ($! != EINTR) { exit 1 }
    }
    vec($writes, 1, 1) = length $out ? 1 : 0;
}

sub forget {
    my ($c) = @_;
    vec($reads, $c->{fd}, 1) = 0;
    vec($writes, $c->{fd}, 1) = 0;
    delete $at{$c->{fd}};
    delete $connection{$c->{number}};
    close $c->{socket};
}

sub fail {
    my ($c, $why) = @_;
    queue(RESET, $c->{number}, $why);
    forget($c);
}

sub connect_to {
    my ($number, $target) = @_;
    my ($kind, @where) = split / /, $target;
    my ($socket, $address);
    if ($kind eq 'tcp') {
        socket($socket, PF_INET, SOCK_STREAM, 0) or return queue(RESET, $number, "$!");
        setsockopt($socket, IPPROTO_TCP, TCP_NODELAY, 1);
        $address = pack_sockaddr_in($where[1], inet_aton($where[0]));
    } else {
        socket($socket, PF_UNIX, SOCK_STREAM, 0) or return queue(RESET, $number, "$!");
        $address = pack_sockaddr_un($where[0]);
    }
    $socket->blocking(0);
    my $c = {
        number => $number, socket => $socket, fd => fileno $socket,
        open => 0, waiting => '', credit => $window, passed => 0,
        in_ended => 0, out_ended => 0,
    };
    $connection{$number} = $at{$c->{fd}} = $c;
    if (connect($socket, $address)) { is_open($c) }
    elsif ($! == EINPROGRESS) { vec($writes, $c->{fd}, 1) = 1 }
    else { fail($c, "$!") }
}

sub is_open {
    my ($c) = @_;
    $c->{open} = 1;
    vec($reads, $c->{fd}, 1) = 1;
    queue(OPENED, $c->{number}, '');
    pass_in($c);
}

# To the server.
sub pass_in {
    my ($c) = @_;
    while (length $c->{waiting}) {
        my $count = syswrite($c->{socket}, $c->{waiting});
        if (defined $count) {
            substr($c->{waiting}, 0, $count, '');
            $c->{passed} += $count;
        }
        elsif ($! == EAGAIN) { last }
        elsif ($! != EINTR) { return fail($c, "$!") }
    }
    if ($c->{passed} * 2 >= $window) {
        queue(WINDOW, $c->{number}, pack('N', $c->{passed}));
        $c->{passed} = 0;
    }
    vec($writes, $c->{fd}, 1) = length $c->{waiting} ? 1 : 0;
    if ($c->{in_ended} && !length $c->{waiting}) {
        return forget($c) if $c->{out_ended};
        shutdown($c->{socket}, 1);
    }
}

# From the server.
sub read_from {
    my ($c) = @_;
    my $most = $c->{credit} < CHUNK ? $c->{credit} : CHUNK;
    my $count = sysread($c->{socket}, my $bytes, $most);
    if (!defined $count) {
        fail($c, "$!") if $! != EAGAIN && $! != EINTR;
    } elsif ($count) {
        queue(DATA, $c->{number}, $bytes);
        $c->{credit} -= $count;
        vec($reads, $c->{fd}, 1) = 0 unless $c->{credit};
    } else {
        queue(ENDED, $c->{number}, '');
        $c->{out_ended} = 1;
        vec($reads, $c->{fd}, 1) = 0;
        forget($c) if $c->{in_ended} && !length $c->{waiting};
    }
}

sub is_writable {
    my ($c) = @_;
    return pass_in($c) if $c->{open};
    my $error = unpack('i', getsockopt($c->{socket}, SOL_SOCKET, SO_ERROR));
    return is_open($c) unless $error;
    $! = $error;
    fail($c, "$!");
}

sub take {
    my ($kind, $number, $bytes) = @_;
    return connect_to($number, $bytes) if $kind == OPEN;
    # One that has ended here, which the client may not know yet.
    my $c = $connection{$number} or return;
    if ($kind == DATA) { $c->{waiting} .= $bytes }
    elsif ($kind == ENDED) { $c->{in_ended} = 1 }
    elsif ($kind == RESET) { return forget($c) }
    elsif ($kind == WINDOW) {
        $c->{credit} += unpack('N', $bytes);
        vec($reads, $c->{fd}, 1) = 1 if $c->{open} && !$c->{out_ended};
        return;
    }
    pass_in($c) if $c->{open};
}

sub read_frames {
    my $count = sysread(STDIN, $in, 4 * CHUNK, length $in);
    return if !defined $count && $! == EINTR;
    exit 0 unless $count;
    my $start = 0;
    while (length($in) - $start >= HEAD) {
        my ($kind, $number, $length) = unpack('CNN', substr($in, $start, HEAD));
        last if length($in) - $start - HEAD < $length;
        take($kind, $number, substr($in, $start + HEAD, $length));
        $start += HEAD + $length;
    }
    substr($in, 0, $start, '');
}

sub each_of {
    my ($set, $do) = @_;
    my $bits = unpack('b*', $set);
    my $fd = 2;
    while (($fd = index($bits, '1', $fd + 1)) >= 0) {
        my $c = $at{$fd} or next;
        $do->($c);
    }
}

$SIG{PIPE} = 'IGNORE';
binmode STDIN;
binmode STDOUT;
STDOUT->blocking(0);
vec($reads, 0, 1) = 1;
queue(HELLO, 0, '');
pass_out();
while (1) {
    my $readable = $reads;
    if (length $out > BACKLOG) {
        $readable = '';
        vec($readable, 0, 1) = 1;
    }
    my $writable = $writes;
    next if select($readable, $writable, undef, undef) < 0;
    each_of($writable, \&is_writable);
    each_of($readable, \&read_from);
    # Last, because a new connection may have the descriptor of one that ended just now.
    read_frames() if vec($readable, 0, 1);
    pass_out();
}
