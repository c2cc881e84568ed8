// What the generator may send, one line per form of a command: words in capitals are literal (their case
// varies), <…> is a random word, [a] may be left out, (a | b) is a choice, a + repeats what stands before it.
// A line that begins with ? is for proxies that carry every form of its command.
// A line that begins with ! is never damaged on purpose, since a damaged one could depend on time or chance.
// `=> rule` says how replies are compared where bytes would be too strict; see reply-rules.ts.

import { WHOLE_NODE } from './grammar-whole-node.ts';

const STRINGS = `
append <s> <v>
append <b> <v>
bitcount <s> [<i> <i> [(BYTE | BIT)]]
bitfield <s> (GET <bits> <off> | SET <bits> <off> <i> | INCRBY <bits> <off> <i> | OVERFLOW (WRAP | SAT | FAIL))+
bitfield_ro <s> (GET <bits> <off>)+
bitop (AND | OR | XOR) <s> <s>+
bitop NOT <s> <s>
bitop (AND | OR | XOR | NOT) <k> <k>+
bitfield <s> OVERFLOW <v>
bitfield_ro <s> (GET <bits> <off> | INCRBY <bits> <off> <i>)+
bitpos <s> <bit> [<i> [<i> [(BYTE | BIT)]]]
decr <n>
decrby <n> <i>
get <s>
get <b>
getbit <s> <off>
getdel <s>
getex <s> [(PERSIST | EXAT <far> | PXAT <farms>)]
! getex <s> (EX <ttl> | PX <ttlms>)
getrange <s> <i> <i>
getrange <b> <i> <i>
getset <s> <v>
incr <n>
incrby <n> <i>
incrbyfloat <n> <f>
lcs <s> <s> [LEN] [IDX] [MINMATCHLEN <num>] [WITHMATCHLEN]
lcs <n> <n> [(LEN | IDX [MINMATCHLEN <u>] [WITHMATCHLEN])]
mget <s>+
mget <k>+
mset (<s> <v>)+
msetnx (<s> <v>)+
! psetex <s> <ttlms> <v>
set <s> <v>
set <n> <num>
set <b> <large>
set <s> <v> [(NX | XX)] [GET] [(KEEPTTL | EXAT <far> | PXAT <farms>)]
! set <s> <v> (EX <ttl> | PX <ttlms>)
! set <s> <v> GET [(NX | XX)] [(EX <ttl> | PX <ttlms>)]
set <s> <v> (EXAT 1 | PXAT 1)
setbit <s> <off> <bit>
! setex <s> <ttl> <v>
setnx <s> <v>
setrange <s> <off> <v>
setrange <s> <num> <v>
strlen <s>
strlen <b>
substr <s> <i> <i>
pfadd <p> <m>+
pfadd <p>
pfcount <p>+
pfmerge <p> <p>+
`;

const KEYSPACE = `
copy <k> <k> [REPLACE] [DB <dbindex>]
del <k>+
dump <k> => dump
exists <k>+
! expire <k> <ttl> [(NX | XX | GT | LT)]
! expireat <k> <far> [(NX | XX | GT | LT)]
expiretime <k> => time
memory|usage <k> [SAMPLES <u>] => type
object|encoding <k>
object|freq <k>
object|idletime <k> => type
object|refcount <k>
persist <k>
! pexpire <k> <ttlms> [(NX | XX | GT | LT)]
! pexpireat <k> <farms> [(NX | XX | GT | LT)]
pexpiretime <k> => time
pttl <k> => time
rename <k> <k>
renamenx <k> <k>
! restore <k> 0 <dump> [REPLACE]
! restore <k> <farms> <dump> [REPLACE] ABSTTL [IDLETIME <u>]
restore <k> 0 <v> [REPLACE]
! restore <k> 0 <dump> [REPLACE] [(IDLETIME | FREQ) <num>]
! restore <k> (-1 | x | 99999999999999999999) <dump> [REPLACE]
sort <l> [LIMIT <u> <u>] [(ASC | DESC)] [ALPHA]
sort <l> [(ASC | DESC)] ALPHA STORE <l>
sort <l> LIMIT <num> <num> [ALPHA] [STORE <l>]
sort <t> [(ASC | DESC)] ALPHA
sort <z> [(ASC | DESC)] ALPHA STORE <l>
! sort <l> BY nosort => sorted
sort_ro <l> [LIMIT <u> <u>] [(ASC | DESC)] [ALPHA]
sort_ro <z> ALPHA
touch <k>+
ttl <k> => time
type <k>
unlink <k>+
`;

const COLLECTIONS = `
hdel <h> <fld>+
hexists <h> <fld>
hget <h> <fld>
hgetall <h> => pairs
hincrby <h> <fld> <i>
hincrbyfloat <h> <fld> <f>
hkeys <h> => sorted
hlen <h>
hmget <h> <fld>+
hmset <h> (<fld> <v>)+
hrandfield <h> <num> [WITHVALUES] => shape
hrandfield <h> [<i> [WITHVALUES]] => shape
! hscan <h> <cur> [MATCH <pat>] COUNT 1000 => scan
! hscan <h> 0 COUNT <num> => scan
hset <h> (<fld> <v>)+
hset <h> <fld> <large>
hsetnx <h> <fld> <v>
hstrlen <h> <fld>
hvals <h> => sorted
lindex <l> <i>
linsert <l> (BEFORE | AFTER) <m> <v>
llen <l>
lmove <l> <l> (LEFT | RIGHT) (LEFT | RIGHT)
lmpop (<badcount> | 9223372036854775807) <l> <l> (LEFT | RIGHT)
lmpop 1 <l> (LEFT | RIGHT) [COUNT <u>]
lmpop 2 <l> <l> (LEFT | RIGHT) [COUNT <u>]
lpop <l> [<u>]
lpos <l> <m> [RANK <num>] [COUNT <num>] [MAXLEN <num>]
lpos <l> <m> [RANK <i>] [COUNT <u>] [MAXLEN <u>]
lpush <l> <m>+
lpush <l> <v>
lpushx <l> <m>+
lrange <l> <i> <i>
lrem <l> <i> <m>
lset <l> <i> <v>
ltrim <l> <i> <i>
rpop <l> [<u>]
rpoplpush <l> <l>
rpush <l> <m>+
rpush <l> <num>+
rpushx <l> <m>+
sadd <t> <m>+
sadd <t> <num>+
sadd <t> <v>
scard <t>
sdiff <t>+ => sorted
sdiffstore <t> <t>+
sinter <t>+ => sorted
sintercard <badcount> <t> <t> [LIMIT <num>]
sintercard 2 <t> <z>
sintercard 1 <t> [LIMIT <u>]
sintercard 2 <t> <t> [LIMIT <u>]
sinterstore <t> <t>+
sismember <t> <m>
smembers <t> => sorted
smismember <t> <m>+
smove <t> <t> <m>
! spop <single> [<u>]
! spop <t> 1000 => sorted
! spop <t> (0 | -1 | x)
srandmember <t> [<i>] => shape
srem <t> <m>+
! sscan <t> <cur> [MATCH <pat>] COUNT 1000 => scan
! sscan <t> 0 (MATCH | COUNT | X) => scan
sunion <t>+ => sorted
sunionstore <t> <t>+
`;

const SORTED_SETS = `
geoadd <g> [(NX | XX)] [CH] (<lon> <lat> <m>)+
geodist <g> <m> <m> [<unit>]
geohash <g> <m>+
geopos <g> <m>+
georadius <g> <lon> <lat> <rad> <unit> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT <cnt> [ANY]] [(ASC | DESC)]
georadius <g> <lon> <lat> <rad> <unit> (STORE | STOREDIST) <g>
georadius_ro <g> <lon> <lat> <rad> <unit> [WITHCOORD] [WITHDIST] [(ASC | DESC)]
georadiusbymember <g> <m> <rad> <unit> [WITHCOORD] [WITHDIST] [COUNT <cnt>] [(ASC | DESC)]
georadiusbymember <g> <m> <rad> <unit> (STORE | STOREDIST) <g>
georadiusbymember_ro <g> <m> <rad> <unit> [WITHDIST]
geosearch <g> FROMMEMBER <m> BYRADIUS <rad> <unit> [(ASC | DESC)] [COUNT <cnt> [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]
geosearch <g> FROMLONLAT <lon> <lat> BYBOX <rad> <rad> <unit> [(ASC | DESC)] [WITHDIST]
geosearch <g> FROMLONLAT <lon> <lat> BYRADIUS <rad> <unit> [COUNT <cnt> [ANY]] [(ASC | DESC)] [WITHCOORD] [WITHDIST] [WITHHASH]
geosearchstore <g> <g> FROMMEMBER <m> BYBOX <rad> <rad> <unit> [(ASC | DESC)] [COUNT <cnt> [ANY]] [STOREDIST]
geosearchstore <g> <g> FROMMEMBER <m> BYRADIUS <rad> <unit> [STOREDIST]
geosearchstore <g> <g> FROMLONLAT <lon> <lat> BYBOX <rad> <rad> <unit> [COUNT <cnt>]
zadd <z> (<score> <m>)+
! zadd <y> (0 <m>)+
zadd <z> [(NX | XX)] [(GT | LT)] [CH] (<score> <m>)+
zadd <z> [(NX | XX)] [(GT | LT)] [CH] [INCR] <score> <m>
zcard <z>
zcount <z> <bound> <bound>
zdiff 3 <z> <z> <t> [WITHSCORES]
zdiff 2 <z> <z> [WITHSCORES]
zdiffstore <z> 2 <z> <z>
zincrby <z> <score> <m>
zinter 2 <z> <z> [WEIGHTS <f> <f>] [AGGREGATE (SUM | MIN | MAX)] [WITHSCORES]
zintercard <badcount> <z> <z> [LIMIT <num>]
zintercard 2 <z> <z> [LIMIT <u>]
zinterstore <z> 2 <z> <z> [WEIGHTS <f> <f>] [AGGREGATE (SUM | MIN | MAX)]
zinterstore <z> 2 <z> <t>
! zlexcount <y> <lex> <lex>
zmpop <badcount> <z> <z> (MIN | MAX)
zmpop 1 <z> (MIN | MAX) [COUNT <cnt>]
zmpop 2 <z> <z> (MIN | MAX) [COUNT <cnt>]
zmscore <z> <m>+
zpopmax <z> [<u>]
zpopmin <z> [<u>]
zrandmember <z> [<i> [WITHSCORES]] => shape
zrange <z> <i> <i> [REV] [WITHSCORES]
zrange <z> <bound> <bound> BYSCORE [REV] [LIMIT <u> <i>] [WITHSCORES]
! zrange <y> <lex> <lex> BYLEX [REV] [LIMIT <u> <i>]
! zrangebylex <y> <lex> <lex> [LIMIT <u> <i>]
zrangebyscore <z> <bound> <bound> [WITHSCORES] [LIMIT <u> <i>]
! zrangestore <y> <y> <lex> <lex> BYLEX [REV] [LIMIT <u> <i>]
zrangestore <z> <z> <i> <i> [REV]
zrangestore <z> <z> <bound> <bound> BYSCORE [LIMIT <u> <i>]
zrank <z> <m>
zrem <z> <m>+
! zremrangebylex <y> <lex> <lex>
zremrangebyrank <z> <i> <i>
zremrangebyscore <z> <bound> <bound>
zrevrange <z> <i> <i> [WITHSCORES]
! zrevrangebylex <y> <lex> <lex> [LIMIT <u> <i>]
zrevrangebyscore <z> <bound> <bound> [WITHSCORES] [LIMIT <u> <i>]
zrevrank <z> <m>
! zscan <z> <cur> [MATCH <pat>] COUNT 1000 => scan
zscore <z> <m>
zunion 2 <z> <z> [WEIGHTS <f> <f>] [AGGREGATE (SUM | MIN | MAX)] [WITHSCORES]
zunionstore <z> 2 <z> <z> [WEIGHTS <f> <f>] [AGGREGATE (SUM | MIN | MAX)]
zunionstore <z> 1 <g>
`;

const STREAMS = `
xack <x> <grp> <id>+
! xadd <x> [NOMKSTREAM] [(MAXLEN | MINID) [(= | ~)] <u>] <newid> (<fld> <v>)+
xadd <x> <id> <fld> <v>
! xautoclaim <x> <grp> <con> 0 <id> [COUNT <cnt>] [JUSTID]
! xautoclaim <x> <grp> <con> (100000000 | x | -1) <id> [JUSTID]
! xclaim <x> <grp> <con> 0 <id>+ [IDLE <u>] [RETRYCOUNT <num>] [FORCE] [JUSTID] [LASTID <id>]
! xclaim <x> <grp> <con> 0 <id>+ TIME <farms> [FORCE]
! xclaim <x> <grp> <con> 0 <id>+ [RETRYCOUNT <u>] [FORCE] [JUSTID]
xdel <x> <id>+
xgroup|create <x> <grp> (<id> | $) [MKSTREAM] [ENTRIESREAD <u>]
xgroup|createconsumer <x> <grp> <con>
xgroup|delconsumer <x> <grp> <con>
xgroup|destroy <x> <grp>
xgroup|setid <x> <grp> (<id> | $) [ENTRIESREAD <u>]
xinfo|consumers <x> <grp> => idle
xinfo|groups <x> => idle
xinfo|stream <x> [FULL [COUNT <u>]] => idle
xlen <x>
xpending <x> <grp> => idle
xpending <x> <grp> (- | <id>) (+ | <id>) <num> [<con>] => idle
! xpending <x> <grp> [IDLE 0] - + <cnt> [<con>] => idle
xrange <x> (- | <id>) (+ | <id>) [COUNT <u>]
! xread [COUNT <cnt>] STREAMS <x> <id>
! xread [COUNT <num>] STREAMS <x> $
! xread [COUNT <cnt>] STREAMS <x> <x> <id> <id>
xread COUNT <v> STREAMS <x> <id>
! xreadgroup GROUP <grp> <con> [COUNT <cnt>] [NOACK] STREAMS <x> (> | <id>)
xreadgroup GROUP <grp> <con> COUNT <u> STREAMS <x> >
xrevrange <x> (+ | <id>) (- | <id>) [COUNT <u>]
! xsetid <x> <newid>
xsetid <x> <id>
! xsetid <x> <newid> ENTRIESADDED <num> MAXDELETEDID <id>
! xtrim <x> (MAXLEN | MINID) [(= | ~)] <u>
`;

const SCRIPTS = `
! eval <lua> 1 <k> <v>
! eval <lua> 2 <s> <s> <v>
eval <lua> (x | -1 | 99 | 99999999999999999999) <k> <v>
! eval_ro <lua> 1 <k> <v>
! evalsha <sha> 1 <k> <v>
! evalsha_ro <sha> 1 <k> <v>
! fcall <function> 1 <k> <v>
! fcall_ro <function> 1 <k> <v>
`;

const CONNECTION = `
asking
auth <v>
auth default <v>
auth <v> <v>
client|getname
client|caching (YES | NO | X)
client|getredir
! client|kill <word>
! client|kill (ID 999999999 | ADDR <word> | LADDR <word> | USER <word> | TYPE <word> | SKIPME <word>)
! client|list => type
! client|list TYPE <word>
! client|list ID 999999999
client|no-evict (ON | OFF | X)
client|no-touch (ON | OFF | X)
! client|pause (0 | -1 | x) [(WRITE | ALL | X)]
! client|tracking (OFF | X)
client|trackinginfo
client|unblock <num> [(TIMEOUT | ERROR | X)]
client|unpause
client|help => type
client|id => type
client|info => type
client|setinfo (LIB-NAME | LIB-VER) <word>
client|setname <word>
cluster|help => type
cluster|info => type
cluster|keyslot <k>
cluster|links
cluster|myid => type
cluster|myshardid => type
cluster|nodes => ids
cluster|replicas <v>
cluster|shards => ids
cluster|slaves <v>
cluster|slots => ids
! command => type
command|count => type
command|docs <name> => type
command|getkeys get <k> <v>
command|getkeys mset <k> <v> <k> <v>
command|getkeys zunionstore <k> 2 <k> <k>
command|getkeysandflags set <k> <v>
command|help => type
! command|info <name>
command|list => type
! command|list FILTERBY ACLCAT <v> => type
config|get (maxclients | save | appendonly | maxmemory | <v>) => pairs
config|help => type
config|resetstat
config|set <v> <v>
config|set (cluster-enabled | databases) <v>
echo <v>
echo <large>
! hello => hello
! hello 2 => hello
! hello 3 => hello
! hello <hellover> [AUTH default <v>] [SETNAME <word>] => hello
info => type
! info <v> => type
memory|help => type
object|help => type
ping
ping <v>
readonly
readwrite
reset
select <dbindex>
xgroup|help => type
xinfo|help => type
`;

const BLOCKING = `
! blmove <l> <l> (LEFT | RIGHT) (LEFT | RIGHT) <wait>
! blmpop <wait> 1 <l> (LEFT | RIGHT) [COUNT <cnt>]
! blmpop <wait> 2 <l> <l> (LEFT | RIGHT)
! blpop <l>+ <wait>
! brpop <l>+ <wait>
! brpoplpush <l> <l> <wait>
! bzmpop <wait> 1 <z> (MIN | MAX) [COUNT <cnt>]
! bzmpop <wait> 2 <z> <z> (MIN | MAX)
! bzpopmax <z>+ <wait>
! bzpopmin <z>+ <wait>
? ! xread BLOCK 10 STREAMS <x> (<id> | $)
? ! xreadgroup GROUP <grp> <con> BLOCK 10 STREAMS <x> >
`;

/** Every form of every command that single lines can say. */
export const GRAMMAR: string = [
  STRINGS,
  KEYSPACE,
  COLLECTIONS,
  SORTED_SETS,
  STREAMS,
  SCRIPTS,
  CONNECTION,
  BLOCKING,
  WHOLE_NODE,
].join('');
