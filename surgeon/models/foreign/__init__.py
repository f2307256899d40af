"""Networks that Ultralytics did not make: the YOLOv5, YOLOv7 and YOLOv9 repositories, YOLOX, any ``nn.Module``.

Nothing here imports them; what they share is found in the live objects.
"""
