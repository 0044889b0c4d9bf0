//go:build !linux

package atomicfile

import (
	"errors"
	"os"
)

func unnamed(string, string) (*os.File, error) { return nil, errors.ErrUnsupported }
