/** Commands for whole servers, and forms that not every proxy carries; see grammar.ts. */
export const WHOLE_NODE = `
dbsize
! flushall [(SYNC | ASYNC)]
! flushdb [(SYNC | ASYNC)]
flushall <v>
function|delete <word>
! function|flush [(ASYNC | SYNC | X)]
function|help => type
function|kill
function|list => type
! function|load [REPLACE] <library>
! function|load <library> <v>
! function|restore <functiondump> [(FLUSH | APPEND | REPLACE | X)]
function|restore <v> [(FLUSH | APPEND | REPLACE | X)]
function|stats => type
function|dump => type
keys <pat> => sorted
publish <word> <v>
acl|cat => type
acl|help => type
acl|whoami
acl|dryrun (default | nobody) GET <k>
acl|genpass [(8 | 4097 | x)] => type
acl|getuser (default | nobody)
acl|list
acl|log => type
acl|log RESET => type
acl|users
cluster|count-failure-reports <word>
cluster|countkeysinslot (0 | 16384 | x) => type
cluster|getkeysinslot (0 | 16384 | x) 10 => type
lastsave => type
latency|doctor => type
latency|graph <word>
latency|help => type
latency|histogram [nosuch] => type
latency|history <word>
latency|latest
latency|reset
lolwut => type
memory|doctor => type
memory|malloc-stats => none
memory|purge
module|help => type
module|list
memory|stats => type
role => type
slowlog|get => type
slowlog|help => type
slowlog|len => type
slowlog|reset
pubsub|channels [<pat>]
pubsub|help => type
pubsub|numpat
pubsub|numsub <word>
pubsub|shardchannels
pubsub|shardnumsub <word>
! randomkey => type
! scan 0 [MATCH <pat>] COUNT 100000 => scan
! scan 0 COUNT (0 | -1 | x)
! scan (x | 99999999999999999999)
! scan 0 (MATCH | COUNT | TYPE | X)
! scan 0 TYPE (string | list) COUNT 100000 => scan
script|exists <sha>+
! script|flush [(ASYNC | SYNC | X)]
script|help => type
script|kill
! script|load <lua>
spublish <word> <v>
! sunsubscribe nothing
time => type
unwatch
? sort <l> BY nosort GET #
? ! eval <lua> 0 <v>
? ! eval_ro <lua> 0
? ! evalsha <sha> 0
? ! evalsha_ro <sha> 0
? ! fcall no_such_function 0
? copy <k> <k> DB <dbindex>
! wait 0 0
! waitaof 0 0 0
`;
