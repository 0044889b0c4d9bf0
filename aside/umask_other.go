//go:build !unix

package aside

import "io/fs"

func umask() fs.FileMode { return 0 }
