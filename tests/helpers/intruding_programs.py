"""Programs that attack the machine; the tests of the sandbox run them. Each is a Python module.

`{victim}` is a folder of the host that everybody may write to, with a file `secret`; `{pid}` a process of the host,
`{port}` a TCP port and `{abstract}` an abstract socket that somebody of the host listens on. A program that learns the
secret prints it.
"""

from __future__ import annotations

# Against the machine: each is the candidate module of a harness that shows no success by itself.
INTRUDERS = {
    "times of another's file": "import os\nfor place in ('{victim}', '{victim}/secret'): os.utime(place)",
    "attributes of another's file": """
import os
try: print(os.getxattr('{victim}/secret', 'user.mft'))
except OSError: pass
try: os.setxattr('{victim}/secret', 'user.mine', b'x')
except OSError: pass
try: os.removexattr('{victim}/secret', 'user.mft')
except OSError: pass
""",
    "watch on another's folder": """
import ctypes, os
libc = ctypes.CDLL(None)
descriptor = libc.inotify_init1(0)
if descriptor >= 0 and libc.inotify_add_watch(descriptor, b'/usr', 0xfff) >= 0: print('{token}')
""",
    "fork bomb": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "rabbit": """
import os
while True:
    try:
        if os.fork(): os._exit(0)
    except OSError: pass
""",
    "thread without its process": """
import ctypes, os, threading, time
def stay():
    for _ in range(9999):
        time.sleep(0.05)
        try: open('{victim}/thread', 'w').write('gotcha')
        except OSError: pass
threading.Thread(target=stay).start()
ctypes.CDLL(None).syscall(60, 0)
""",
    "threads without their process, in a daemon": """
import ctypes, os, threading, time
if os.fork(): os._exit(0)
os.setsid()
threading.Thread(target=time.sleep, args=(999,)).start()
os.closerange(0, 64)
ctypes.CDLL(None).syscall(60, 0)
""",
    "thread bomb": """
import threading, time
while True:
    try: threading.Thread(target=time.sleep, args=(999,)).start()
    except RuntimeError: time.sleep(0.01)
""",
    "memory hog": "a = []\nwhile True: a.append(bytearray(2**24))",
    "memory hog in children": """
import os, time
for _ in range(12):
    if not os.fork(): a = [bytearray(b'x' * 2**20) for _ in range(100)]; time.sleep(99)
time.sleep(99)
""",
    "endless output": "import os\nwhile True: os.write(1, b'x' * 65536)",
    "endless errors": "import os\nwhile True: os.write(2, b'x' * 65536)",
    "endless result": "import os\nwhile True: os.write(3, b'x' * 65536)",
    "sleep": "import time\ntime.sleep(9999)",
    "busy loop": "while True: pass",
    "ignored signals": """
import signal
for n in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}: signal.signal(n, signal.SIG_IGN)
while True: pass
""",
    "stops itself": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\nimport time\ntime.sleep(999)",
    "removes everything": """
import os, subprocess
subprocess.run(['rm', '-rf', '--no-preserve-root', '/'], stderr=subprocess.DEVNULL)
subprocess.run(['rm', '-rf', '{victim}'], stderr=subprocess.DEVNULL)
""",
    "writes to the host": """
import os
for folder in ('{victim}', '/tmp', '/usr/local/bin', '/etc', '/dev/shm', '/var/tmp', '/root', '/run', '/dev', '/opt'):
    try: open(folder + '/{token}', 'w').write('gotcha')
    except OSError: pass
for path in ('{victim}/secret', '/proc/sys/kernel/core_pattern', '/etc/passwd', '/usr/bin/env'):
    try: open(path, 'a').write('gotcha')
    except OSError: pass
""",
    "changes the host's files": """
import os
for act in (lambda: os.chmod('{victim}/secret', 0), lambda: os.utime('{victim}/secret', (0, 0)),
            lambda: os.truncate('{victim}/secret', 0), lambda: os.rename('{victim}/secret', '{victim}/b'),
            lambda: os.link('{victim}/secret', '{victim}/c'), lambda: os.mkdir('{victim}/d'),
            lambda: os.chown('{victim}/secret', 65534, 65534), lambda: os.symlink('/', '{victim}/e'),
            lambda: os.mkfifo('{victim}/f')):
    try: act()
    except OSError: pass
""",
    "reads the host's files": """
import glob
for path in ['{victim}/secret', '/etc/shadow', '/etc/passwd', *glob.glob('/root/*'), *glob.glob('/home/*/*')]:
    try: print(open(path).read())
    except OSError: pass
""",
    "symbolic link": """
import os
os.symlink('{victim}', 'out')
os.symlink('{victim}/secret', 'secret')
for path in ('secret', 'out/secret'):
    try: print(open(path).read())
    except OSError: pass
    try: open('out/new', 'w').write('gotcha')
    except OSError: pass
""",
    "reads the host's environment": """
import glob, os
print(os.environ)
for path in glob.glob('/proc/*/environ') + glob.glob('/proc/*/cmdline') + glob.glob('/proc/*/task/*/environ'):
    try: print(open(path).read())
    except OSError: pass
""",
    "reads inherited descriptors": """
import os
for n in range(3, 512):
    if n != 4:
        try: print(os.pread(n, 999, 0), os.read(n, 9999))
        except OSError: pass
""",
    "connects": """
import socket
for family, address in ((socket.AF_INET, ('127.0.0.1', {port})), (socket.AF_UNIX, '\\0{abstract}')):
    try:
        s = socket.socket(family); s.settimeout(1); s.connect(address); print(s.recv(99))
    except OSError: pass
try: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'gotcha', ('127.0.0.1', {port}))
except OSError: pass
""",
    "kills": """
import os, signal
for n in (os.getppid(), {pid}, -{pid}, 1, -1):
    if n != 1 or os.getpid() != 1:
        try: os.kill(n, signal.SIGKILL)
        except OSError: pass
""",
    "daemon": """
import os, time
if not os.fork():
    os.setsid()
    if not os.fork():
        os.closerange(0, 64)
        for _ in range(999):
            time.sleep(0.05)
            try: open('{victim}/daemon', 'w').write('gotcha')
            except OSError: pass
    os._exit(0)
os._exit(0)
""",
    "zombies": """
import os
for _ in range(500):
    try:
        if not os.fork(): os._exit(0)
    except OSError: pass
""",
    "huge file": """
f = open('huge', 'wb')
while True:
    try: f.write(b'x' * 2**20)
    except OSError: f.seek(0)
""",
    "many large files": """
n = 0
while True:
    n += 1
    try: open(str(n), 'wb').write(b'x' * 2**21)
    except OSError: pass
""",
    "large files without a name": """
import os
held = []
while True:
    try:
        held.append(open('a', 'wb', buffering=0)); os.unlink('a'); held[-1].write(b'x' * 2**21)
    except OSError: pass
""",
    "many files": "n = 0\nwhile True:\n    n += 1\n    try: open(str(n), 'w').close()\n    except OSError: pass",
    "endless folders": """
import os
while True:
    try: os.mkdir('d' * 99); os.chdir('d' * 99)
    except OSError: pass
""",
    "segmentation fault": "import ctypes\nctypes.string_at(1)",
    "endless recursion": "import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()",
    "reads standard input": "import sys\nwhile sys.stdin.read() == '': pass",
    "closes descriptors": "import os\nos.closerange(0, 512)\nos._exit(0)",
    "own namespaces": """
import ctypes, os
libc = ctypes.CDLL(None)
for flags in (0x10000000, 0x20000, 0x40000000, 0x20000000, 0x10020000):
    if libc.unshare(flags) == 0: print('{token} unshare')
""",
    "mounts": """
import ctypes
libc = ctypes.CDLL(None)
if libc.mount(b'none', b'/usr', b'tmpfs', 0, None) == 0: print('{token} mount')
if libc.mount(b'/', b'/tmp', None, 4096, None) == 0: print('{token} bind')
if libc.umount2(b'/tmp', 2) == 0: print('{token} umount')
if libc.chroot(b'/') == 0: print('{token} chroot')
""",
    "traces": """
import ctypes, os
libc = ctypes.CDLL(None)
for pid in (os.getppid(), {pid}):
    if libc.ptrace(16, pid, None, None) == 0: print('{token} ptrace')
""",
    "another user": """
import os, subprocess
for act in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]), lambda: os.setreuid(0, 0)):
    try: act(); print('{token} user')
    except OSError: pass
for command in (['su', '-c', 'cat {victim}/secret'], ['sudo', '-n', 'id'], ['mount', '/dev/vda', '/tmp']):
    try: print(subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=1).stdout)
    except (OSError, subprocess.TimeoutExpired): pass
""",
    "a shell": """
import os
os.execv('/bin/sh', ['sh', '-c', 'cat {victim}/secret /etc/passwd; : > {victim}/new; exit 0'])
""",
    "higher limits": """
import resource, os
for name in ('AS', 'NPROC', 'FSIZE', 'CPU', 'CORE'):
    try: resource.setrlimit(getattr(resource, 'RLIMIT_' + name), (-1, -1)); print('{token} limit')
    except (ValueError, OSError): pass
try: os.nice(-5); print('{token} nice')
except OSError: pass
""",
    "shared memory that stays": """
import ctypes
libc = ctypes.CDLL(None)
if libc.shmget(0x6d6674, 4096, 0o1666) >= 0: print('{token} shmget')
if libc.msgget(0x6d6674, 0o1666) >= 0: print('{token} msgget')
if libc.semget(0x6d6674, 1, 0o1666) >= 0: print('{token} semget')
if libc.syscall(248, b'user', b'mft', b'x', 1, -4) >= 0: print('{token} add_key')
""",
    "the kernel's corners": """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for number in (321, 298, 323, 425, 319, 303, 304, 300, 442, 428, 430):
    if libc.syscall(number, 0, 0, 0, 0, 0, 0) >= 0: print('{token} call', number)
if libc.prctl(4, 0, 0, 0, 0) == 0: print('{token} dumpable')
""",
    "device nodes": """
import os, stat
for n, (a, b) in enumerate(((8, 0), (254, 0), (1, 1))):
    try: os.mknod('dev%d' % n, 0o600 | stat.S_IFBLK, os.makedev(a, b)); print('{token} mknod')
    except OSError: pass
""",
}
