from moved import forward

forward()
