package load

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Process is a process as it was when it was measured.
type Process struct {
	PID int
	// MB is its resident memory, and Peak the most that it was.
	MB, Peak float64
}

// Family returns a process and its descendants. They are missing where there is no
// /proc.
func Family(pid int) (self Process, started []Process) {
	if pid <= 0 {
		return self, nil // it is not running
	}
	stats, _ := filepath.Glob("/proc/[0-9]*/status")
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		field := func(name string) string {
			_, after, _ := strings.Cut(string(b), "\n"+name+":")
			value, _, _ := strings.Cut(after, "\n")
			return strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB"))
		}
		mb := func(name string) float64 {
			kB, _ := strconv.ParseFloat(field(name), 64)
			return kB / 1024
		}
		p := Process{MB: mb("VmRSS"), Peak: mb("VmHWM")}
		p.PID, _ = strconv.Atoi(field("Pid"))
		switch is := strconv.Itoa(pid); {
		case p.PID == pid:
			self = p
		case field("PPid") == is:
			started = append(started, p)
		}
	}
	return self, started
}

// Memory is the resident memory of a process and its descendants, in MB. It is 0
// where there is no /proc.
func Memory(pid int) (total float64, processes int) {
	self, started := Family(pid)
	processes = len(started)
	if self.PID == pid {
		processes++
	}
	return self.MB + Sum(started), processes
}

// Sum is the total resident memory of processes, in MB.
func Sum(of []Process) (total float64) {
	for _, p := range of {
		total += p.MB
	}
	return total
}

// Running returns the processes that run the program at a path. There are none where
// there is no /proc.
func Running(program string) (pids []int) {
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && to == program {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(link)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// tick is the unit of times in /proc: USER_HZ, which is 100 on every system that
// has it.
const tick = 10 * time.Millisecond

// CPU is the processor time that processes and their descendants have used so far,
// including those that have ended. It is 0 where there is no /proc.
func CPU(pids ...int) (total time.Duration) {
	roots := map[string]bool{}
	for _, pid := range pids {
		roots[strconv.Itoa(pid)] = true
	}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// The name may contain anything; what follows it contains no parenthesis.
		i := strings.LastIndexByte(string(b), ')')
		f := strings.Fields(string(b)[i+1:])
		if i < 0 || len(f) < 15 || !roots[filepath.Base(filepath.Dir(path))] && !roots[f[1]] {
			continue
		}
		for _, field := range f[11:15] { // utime, stime, cutime, cstime
			n, _ := strconv.ParseInt(field, 10, 64)
			total += time.Duration(n) * tick
		}
	}
	return total
}
