// Package text writes numbers and sizes for people.
package text

import (
	"fmt"
	"strconv"
	"strings"
)

// Count returns a number with its noun: "1 page", "2 pages", "3 near misses".
func Count(n int, what string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(what, "s"):
		what += "es"
	default:
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}

// Size returns a size in words: "1 byte", "1.5 kB", "3.0 MB". A kB is 1,024 bytes.
func Size(bytes int64) string {
	for _, u := range []struct {
		bytes int64
		name  string
	}{{1 << 40, "TB"}, {1 << 30, "GB"}, {1 << 20, "MB"}, {1 << 10, "kB"}} {
		if bytes >= u.bytes {
			return fmt.Sprintf("%.1f %s", float64(bytes)/float64(u.bytes), u.name)
		}
	}
	return Count(int(bytes), "byte")
}
