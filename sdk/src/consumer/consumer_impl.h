/* What a consumer is: its tracks. */
#ifndef SHUNT_SDK_CONSUMER_IMPL_H
#define SHUNT_SDK_CONSUMER_IMPL_H

#include "sdk/src/consumer/consumer.h"
#include "sdk/src/consumer/track.h"

struct consumer {
    struct track *track;
};

#endif
