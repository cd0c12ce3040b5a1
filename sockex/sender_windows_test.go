package sockex

// uncorked has nothing to check: there is no cork.
func (s *sender) uncorked(*end) {}
