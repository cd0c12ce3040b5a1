package cli

import (
	"context"
	"errors"
)

func (e *Env) geoAnnotate(context.Context, *places, *geoFlags) error { return errors.ErrUnsupported }
