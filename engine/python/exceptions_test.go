package python

import (
	"os"
	"testing"
)

// What a log says went wrong is the exception that the others came of, whichever process printed it and however their lines
// mix.
func TestLastException(t *testing.T) {
	const core, worker0, worker1 = "(EngineCore_DP0 pid=12) ERROR 10-15 08:32:29 [core.py:708] ", "(Worker_TP0 pid=13) ERROR 10-15 08:32:29 [multiproc_executor.py:772] ", "(Worker_TP1 pid=14) "
	const began = "Traceback (most recent call last):\n"
	for _, c := range []struct{ name, log, want string }{
		{"nothing", "nothing", ""},
		{"a line that is no exception's", "ValueError: of no traceback\n", ""},
		{"the last one", began + "  File \"a.py\", line 1, in f\nValueError: first\n" +
			"(EngineCore pid=12) " + began + "(EngineCore pid=12)   File \"b.py\", line 2, in g\n(EngineCore pid=12) KeyError: 'second'\nINFO\n", "KeyError: 'second'"},
		{"a bare one", began + "  File \"a.py\", line 1, in f\nAssertionError\n", "AssertionError"},
		{"Exception itself", began + "  File \"a.py\", line 1, in f\nException: something\n", "Exception: something"},
		{"a root cause", worker0 + "WorkerProc failed to start.\n" + worker0 + began + worker0 + "  File \"w.py\", line 1, in f\n" +
			worker0 + "RuntimeError: libtcmalloc is not found in LD_PRELOAD. Please follow the section\n" +
			core + began + core + "  File \"c.py\", line 1, in f\n" + core + "Exception: WorkerProc initialization failed due to an exception in a background process. See stack trace for root cause.\n" +
			began + "  File \"d.py\", line 1, in f\nRuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore_DP0': 1}\n",
			"RuntimeError: libtcmalloc is not found in LD_PRELOAD. Please follow the section"},
		{"lines that mix", worker0 + began + worker1 + began + worker0 + "  File \"w.py\", line 1, in f\n" + worker1 + "  File \"w.py\", line 9, in g\n" +
			worker0 + "MemoryError: of rank 0\n" + worker1 + "RuntimeError: [/pair.cc:553] Connection closed by peer [127.0.0.1]:1234\n", "MemoryError: of rank 0"},
		{"a consequence first", worker1 + began + worker1 + "RuntimeError: Connection closed by peer [127.0.0.1]:1234\n" + worker0 + began + worker0 + "MemoryError: of rank 0\n", "MemoryError: of rank 0"},
		{"noise of the end", began + "ValueError: the cause\n" + began + "RuntimeError: Engine core initialization failed. See root cause above.\n" + began + "KeyError: '/psm_12ab'\n", "ValueError: the cause"},
		{"nothing but consequences", began + "EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause.\n",
			"EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause."},
		{"colours", "\x1b[0;36m(EngineCore pid=12)\x1b[0;0m ERROR 10-15 08:32:29 [core.py:708] " + began + "\x1b[0;36m(EngineCore pid=12)\x1b[0;0m ERROR 10-15 08:32:29 [core.py:708] ValueError: red\n", "ValueError: red"},
		{"before processes were named", "ERROR 05-27 11:47:57 [core.py:396] EngineCore failed to start.\nERROR 05-27 11:47:57 [core.py:396] " + began +
			"ERROR 05-27 11:47:57 [core.py:396]   File \"x.py\", line 387, in run_engine_core\nERROR 05-27 11:47:57 [core.py:396] ValueError: the cause\n" + began + "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore_0': 1}\n", "ValueError: the cause"},
	} {
		if got := lastException([]byte(c.log)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Ends of the logs of real engines.
func TestRealLogs(t *testing.T) {
	for _, c := range []struct{ file, exception, end string }{
		{"core-killed-open.log", "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore': -9}", "was killed by signal 9 (killed)"},
		{"core-killed-generate.log", "", "was killed by signal 9 (killed)"},
		{"worker-failed-open.log", "ValueError: Available memory on node 0 (7.14/23.54 GiB) on kv cache allocation is less than requested memory for kv (9999.0 GiB). " +
			"Decrease --kv-cache-memory-bytes, VLLM_CPU_KVCACHE_SPACE, or reduce CPU memory used by other processes.", ""},
	} {
		log, err := os.ReadFile("testdata/logs/" + c.file)
		if err != nil {
			t.Fatal(err)
		}
		if got := lastException(log); got != c.exception {
			t.Errorf("%s: %q, want %q", c.file, got, c.exception)
		}
		for pid, how := range toldEnds(log) {
			if how != c.end {
				t.Errorf("%s: process %d %s, want %q", c.file, pid, how, c.end)
			}
		}
	}
}

func TestLastLine(t *testing.T) {
	for _, c := range []struct{ log, want string }{
		{"", ""},
		{"\n\n---\n", ""},
		{"(EngineCore pid=7) INFO 11-30 21:18:05 [core.py:402] init engine took 1.05 s\n", "init engine took 1.05 s"},
		{"Loading weights\nLoading shards:  50%|█████     | 1/2\rLoading shards: 100%|██████████| 2/2\n\n", "Loading shards: 100%|██████████| 2/2"},
	} {
		if got := lastLine([]byte(c.log)); got != c.want {
			t.Errorf("%q: %q, want %q", c.log, got, c.want)
		}
	}
}

func FuzzLog(f *testing.F) {
	f.Add([]byte("(a pid=1) ERROR 10-15 08:32:29 [core.py:708] Traceback (most recent call last):\n(a pid=1) ValueError: x\n"))
	f.Fuzz(func(_ *testing.T, log []byte) {
		diagnose(log)
		lastException(log)
		lastLine(log)
		toldEnds(log)
	})
}
