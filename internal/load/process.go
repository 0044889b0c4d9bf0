package load

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Memory is the resident memory of a process and those that it started, in MB. It
// is 0 where there is no /proc.
func Memory(pid int) (total float64, processes int) {
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
		if is := strconv.Itoa(pid); field("Pid") == is || field("PPid") == is {
			kB, _ := strconv.ParseFloat(field("VmRSS"), 64)
			total += kB / 1024
			processes++
		}
	}
	return total, processes
}

// Resident is the resident memory of one process, in MB. It is 0 where there is no
// /proc.
func Resident(pid int) float64 {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(b), "\nVmRSS:")
	fields := strings.Fields(after)
	if len(fields) == 0 {
		return 0
	}
	kB, _ := strconv.ParseFloat(fields[0], 64)
	return kB / 1024
}

// tick is the unit of times in /proc: USER_HZ, which is 100 on every system that
// has it.
const tick = 10 * time.Millisecond

// CPU is the processor time that processes and those that they started have used
// so far, those that have ended as well. It is 0 where there is no /proc.
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
		// The name may hold anything; what follows it does not hold a parenthesis.
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
