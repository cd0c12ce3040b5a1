package completion

type uringStreams struct{}

func (*uringStreams) shut()                          {}
func (*uringStreams) publish()                       {}
func (*uringStreams) received(uint32, int32, uint32) {}
func (*uringStreams) sent(uint64, int32)             {}
func (*uringStreams) accepted(int32, uint32)         {}
func (*uringStreams) closed(uint32)                  {}

type epollStreams struct{}

func (*epollStreams) shut()                {}
func (*epollStreams) after()               {}
func (*epollStreams) event(uint32, uint32) {}
